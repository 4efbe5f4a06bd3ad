package svgate.applet;

import javacard.framework.Util;

/**
 * Tag, length, value: a version octet 01, then elements of one octet tag, one octet length.
 *
 * <pre>
 * | 01 | C nnnnnnn | length 00..5F | value | C nnnnnnn | length | value | ...
 *       +- 1: who does not know this number must refuse the whole
 * </pre>
 */
final class Tlv {
    static final short OCTETS_MAX = 98;
    static final short ABSENT = -1;
    static final byte VERSION = 0x01;

    // Numbers of elements; the table is in README.md.
    static final byte VERB = 0x01;
    static final byte SHORT_CODE = 0x02;
    static final byte ITEM = 0x03;
    static final byte QUANTITY = 0x04;
    static final byte AMOUNT = 0x05;
    static final byte CURRENCY = 0x06;
    static final byte AMOUNT_KIND = 0x07;
    static final byte PON = 0x08;
    static final byte REFERENCE = 0x09;
    static final byte OUTCOME = 0x11;
    static final byte PURCHASE = 0x12;
    static final byte TEXT = 0x13;
    static final byte COMMAND = 0x21;
    static final byte KEY_VERSION = 0x22;
    static final byte KEY_OCTETS = 0x23;
    static final byte KEYS = 0x24;
    static final byte CHECK_VALUES = 0x25;
    static final byte PIN = 0x26;
    static final byte LANGUAGE = 0x27;
    static final byte TEXT_NUMBER = 0x28;
    static final byte SERVICE = 0x29;
    static final byte BEARER = 0x2A;
    static final byte TARS = 0x2B;
    static final byte LEVELS = 0x2C;
    static final byte MONEY = 0x2D;
    static final byte PIN_POLICY = 0x2E;
    static final byte PUK = 0x2F;
    static final byte USSD_PREFIX = 0x30;

    static final byte CRITICAL = (byte) 0x80;
    private static final byte NUMBER = 0x7F;

    private Tlv() {}

    /**
     * Whether the octets are elements, each of {@code known} at most once, and no other that is
     * critical.
     */
    static boolean wellFormed(byte[] packet, short at, short length, byte[] known) {
        if (length < 1 || length > OCTETS_MAX || packet[at] != VERSION) {
            return false;
        }
        short end = (short) (at + length);
        short next = (short) (at + 1);
        while (next < end) {
            short value = (short) (next + 2);
            if (value > end) {
                return false;
            }
            short after = (short) (value + (packet[(short) (next + 1)] & 0xFF));
            if (after > end) {
                return false;
            }
            byte number = (byte) (packet[next] & NUMBER);
            if (contains(known, number)) {
                if (find(packet, after, (short) (end - after), number) != ABSENT) {
                    return false;
                }
            } else if (packet[next] < 0) {
                return false;
            }
            next = after;
        }
        return true;
    }

    /** Where the value of an element begins in well-formed octets after their version. */
    static short value(byte[] packet, short at, short length, byte number) {
        return find(packet, (short) (at + 1), (short) (length - 1), number);
    }

    /** The length of the value that begins at {@code valueAt}. */
    static short length(byte[] packet, short valueAt) {
        return (short) (packet[(short) (valueAt - 1)] & 0xFF);
    }

    /** Whether an element is there and has a length between two bounds. */
    static boolean has(
            byte[] packet, short at, short length, byte number, short least, short most) {
        short value = value(packet, at, length, number);
        if (value == ABSENT) {
            return false;
        }
        short octets = length(packet, value);
        return octets >= least && octets <= most;
    }

    /** Whether an element is absent. */
    static boolean lacks(byte[] packet, short at, short length, byte number) {
        return value(packet, at, length, number) == ABSENT;
    }

    /** Writes a critical element and gives where the next one goes. */
    static short put(
            byte[] packet, short at, byte number, byte[] value, short valueAt, short valueLength) {
        packet[at] = (byte) (number | CRITICAL);
        packet[(short) (at + 1)] = (byte) valueLength;
        return Util.arrayCopyNonAtomic(value, valueAt, packet, (short) (at + 2), valueLength);
    }

    /** Writes a critical element of one octet and gives where the next one goes. */
    static short put(byte[] packet, short at, byte number, byte value) {
        packet[at] = (byte) (number | CRITICAL);
        packet[(short) (at + 1)] = 1;
        packet[(short) (at + 2)] = value;
        return (short) (at + 3);
    }

    /** Whether octets are decimal digits, two in each. */
    static boolean digits(byte[] packet, short at, short length) {
        short end = (short) (at + length);
        for (short i = at; i < end; i++) {
            if ((packet[i] & 0x0F) > 9 || (short) ((packet[i] >> 4) & 0x0F) > 9) {
                return false;
            }
        }
        return true;
    }

    private static short find(byte[] packet, short at, short length, byte number) {
        short end = (short) (at + length);
        short next = at;
        while ((short) (next + 1) < end) {
            if ((byte) (packet[next] & NUMBER) == number) {
                return (short) (next + 2);
            }
            next = (short) (next + 2 + (packet[(short) (next + 1)] & 0xFF));
        }
        return ABSENT;
    }

    private static boolean contains(byte[] set, byte number) {
        for (short i = 0; i < (short) set.length; i++) {
            if (set[i] == number) {
                return true;
            }
        }
        return false;
    }
}
