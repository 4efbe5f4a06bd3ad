package svgate.applet;

import javacard.framework.Util;

/**
 * Writes an order in its canonical form, element by rising number, into {@link Ram#order}.
 *
 * <pre>
 * | 01 | 81 01 verb | 82 03 short code | 83 n item | 84 01 quantity | 85 n amount |
 * | 86 02 currency | 87 01 amount kind | 88 04 PON | 89 04 reference |
 * </pre>
 *
 * Each step gives where the next one writes, so that going back is writing over.
 */
final class Order {
    static final byte BUY = 0x01;
    static final byte PAY = 0x02;
    static final byte PAY_ORDER = 0x03;
    static final byte AS_SHOWN = 0x01;
    static final byte MOST_ALLOWED = 0x02;
    static final short REFERENCE_OCTETS = 4;
    static final short SHORT_CODE_OCTETS = 3;
    static final short PON_OCTETS = 4;
    static final short ITEM_OCTETS_MAX = 8;
    static final byte QUANTITY_MAX = 99;

    private Order() {}

    static short begin(byte[] order, byte verb) {
        order[0] = Tlv.VERSION;
        return Tlv.put(order, (short) 1, Tlv.VERB, verb);
    }

    /** Adds a short code of three to five typed digits; 0 when it is none. */
    static short typedShortCode(byte[] order, short at, byte[] typed, short length) {
        if (length < 3 || length > 5 || typed[0] == '0') {
            return 0;
        }
        return typedDigits(order, at, Tlv.SHORT_CODE, typed, length, SHORT_CODE_OCTETS);
    }

    /** Adds a payment order number of eight typed digits; 0 when its last digit is wrong. */
    static short typedPon(byte[] order, short at, byte[] typed, short length) {
        if (length != 8 || typed[0] == '0') {
            return 0;
        }
        short next = typedDigits(order, at, Tlv.PON, typed, length, PON_OCTETS);
        return next != 0 && isPon(order, (short) (at + 2)) ? next : (short) 0;
    }

    /** Adds an item of one to eight letters and digits, capitals or not; 0 when it is none. */
    static short typedItem(byte[] order, short at, byte[] typed, short length) {
        for (short i = 0; i < length; i++) {
            if (typed[i] >= 'a' && typed[i] <= 'z') {
                typed[i] = (byte) (typed[i] - 'a' + 'A');
            }
        }
        if (!isItem(typed, (short) 0, length)) {
            return 0;
        }
        return Tlv.put(order, at, Tlv.ITEM, typed, (short) 0, length);
    }

    /** Adds a quantity of one or two typed digits; 0 when it is none. */
    static short typedQuantity(byte[] order, short at, byte[] typed, short length) {
        short quantity = 0;
        for (short i = 0; i < length; i++) {
            if (typed[i] < '0' || typed[i] > '9') {
                return 0;
            }
            quantity = (short) ((short) (quantity * 10) + typed[i] - '0');
        }
        if (length < 1 || length > 2 || quantity == 0) {
            return 0;
        }
        return Tlv.put(order, at, Tlv.QUANTITY, (byte) quantity);
    }

    /** Adds the amount {@code sums[0..8]}, its currency and what the amount is. */
    static short amount(byte[] order, short at, byte[] sums, byte[] currency, byte kind) {
        short next = Amount.put(order, at, sums);
        next = Tlv.put(order, next, Tlv.CURRENCY, currency, (short) 0, (short) 2);
        return Tlv.put(order, next, Tlv.AMOUNT_KIND, kind);
    }

    /** Copies an element of a packet, when it is there, as it is. */
    static short copy(
            byte[] order, short at, byte[] packet, short packetAt, short length, byte number) {
        short value = Tlv.value(packet, packetAt, length, number);
        if (value == Tlv.ABSENT) {
            return at;
        }
        return Tlv.put(order, at, number, packet, value, Tlv.length(packet, value));
    }

    static boolean isShortCode(byte[] octets, short at) {
        // Three to five digits: not above 99999, not below 100.
        return Tlv.digits(octets, at, SHORT_CODE_OCTETS)
                && (octets[at] & 0xF0) == 0
                && (octets[at] != 0 || (octets[(short) (at + 1)] & 0xFF) >= 0x01);
    }

    static boolean isItem(byte[] octets, short at, short length) {
        if (length < 1 || length > ITEM_OCTETS_MAX) {
            return false;
        }
        short end = (short) (at + length);
        for (short i = at; i < end; i++) {
            byte character = octets[i];
            boolean digit = character >= '0' && character <= '9';
            boolean letter = character >= 'A' && character <= 'Z';
            if (!digit && !letter) {
                return false;
            }
        }
        return true;
    }

    /** Eight digits, the first not 0, the last by Damm. */
    static boolean isPon(byte[] octets, short at) {
        if (!Tlv.digits(octets, at, PON_OCTETS) || (octets[at] & 0xF0) == 0) {
            return false;
        }
        short interim = 0;
        short end = (short) (at + PON_OCTETS);
        for (short i = at; i < end; i++) {
            interim = damm(interim, (short) ((octets[i] >> 4) & 0x0F));
            interim = damm(interim, (short) (octets[i] & 0x0F));
        }
        return interim == 0;
    }

    private static short damm(short interim, short digit) {
        return DAMM[(short) ((short) (interim * 10) + digit)];
    }

    private static short typedDigits(
            byte[] order, short at, byte number, byte[] typed, short length, short octets) {
        short value = (short) (at + 2);
        Util.arrayFillNonAtomic(order, value, octets, (byte) 0);
        short nibble = (short) ((short) (octets * 2) - length);
        for (short i = 0; i < length; i++) {
            byte digit = (byte) (typed[i] - '0');
            if (digit < 0 || digit > 9) {
                return 0;
            }
            short place = (short) (value + (short) (nibble / 2));
            order[place] |= (nibble & 1) == 0 ? (byte) (digit << 4) : digit;
            nibble++;
        }
        order[at] = (byte) (number | Tlv.CRITICAL);
        order[(short) (at + 1)] = (byte) octets;
        return (short) (value + octets);
    }

    /** A quasigroup of order 10 that is totally anti-symmetric: H. M. Damm, 2004. */
    private static final byte[] DAMM = {
        0, 3, 1, 7, 5, 9, 8, 6, 4, 2,
        7, 0, 9, 2, 1, 5, 4, 8, 6, 3,
        4, 2, 0, 6, 8, 7, 1, 3, 5, 9,
        1, 7, 5, 0, 9, 8, 3, 4, 2, 6,
        6, 1, 2, 3, 0, 4, 5, 9, 7, 8,
        3, 6, 7, 4, 2, 0, 9, 5, 8, 1,
        5, 8, 6, 9, 7, 2, 0, 1, 3, 4,
        8, 9, 4, 5, 3, 6, 2, 0, 1, 7,
        9, 4, 3, 8, 6, 1, 7, 2, 0, 5,
        2, 5, 8, 1, 4, 3, 6, 7, 9, 0,
    };
}
