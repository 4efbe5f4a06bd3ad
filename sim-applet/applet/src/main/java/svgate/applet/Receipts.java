package svgate.applet;

import javacard.framework.Util;

/** The last confirmations, as the gateway sealed them: stored only once they were checked. */
final class Receipts {
    static final short COUNT = 4;

    private static final short PLACE = 100;

    /** The first octet of a place is the length. */
    private static final short DATA = 1;

    private final byte[] places;
    private byte next;

    Receipts() {
        places = new byte[(short) (COUNT * PLACE)];
    }

    /** Keeps a confirmation in the place of the oldest: inside a transaction. */
    void keep(byte[] packet, short at, short length) {
        short place = (short) (next * PLACE);
        places[place] = (byte) length;
        Util.arrayCopy(packet, at, places, (short) (place + DATA), length);
        next = (byte) ((next + 1) & (byte) (COUNT - 1));
    }

    /**
     * Whether this very confirmation is kept: the gateway repeats one when an order is repeated.
     */
    boolean has(byte[] packet, short at, short length) {
        for (short place = 0; place < (short) places.length; place += PLACE) {
            boolean same =
                    places[place] == length
                            && Util.arrayCompare(packet, at, places, (short) (place + DATA), length)
                                    == 0;
            if (same) {
                return true;
            }
        }
        return false;
    }

    /**
     * Copies a confirmation, 0 being the newest.
     *
     * @return its length, 0 when there is none
     */
    short recall(short age, byte[] target, short at) {
        short place = (short) ((short) ((short) (next - 1 - age) & (short) (COUNT - 1)) * PLACE);
        short length = places[place];
        Util.arrayCopyNonAtomic(places, (short) (place + DATA), target, at, length);
        return length;
    }

    /**
     * Whether data that are well-formed are a confirmation, by the same rules as the gateway's
     * reader.
     */
    static boolean isReply(byte[] packet, short at, short length) {
        if (!Tlv.has(packet, at, length, Tlv.OUTCOME, (short) 1, (short) 1)
                || !Tlv.has(packet, at, length, Tlv.REFERENCE, (short) 4, (short) 4)) {
            return false;
        }
        if (!isOutcome(packet[Tlv.value(packet, at, length, Tlv.OUTCOME)])) {
            return false;
        }
        short reference = Tlv.value(packet, at, length, Tlv.REFERENCE);
        if (Octets.all(packet, reference, Order.REFERENCE_OCTETS, (byte) 0)) {
            return false;
        }
        short amount = Tlv.value(packet, at, length, Tlv.AMOUNT);
        short currency = Tlv.value(packet, at, length, Tlv.CURRENCY);
        if ((amount == Tlv.ABSENT) != (currency == Tlv.ABSENT)) {
            return false;
        }
        if (amount != Tlv.ABSENT) {
            short octets = Tlv.length(packet, amount);
            boolean fits =
                    octets >= 1
                            && octets <= Amount.OCTETS
                            && !(octets == Amount.OCTETS && packet[amount] < 0);
            if (!fits
                    || Tlv.length(packet, currency) != 2
                    || !Tlv.digits(packet, currency, (short) 2)) {
                return false;
            }
        }
        if (!Tlv.lacks(packet, at, length, Tlv.PURCHASE)
                && !Tlv.has(packet, at, length, Tlv.PURCHASE, (short) 8, (short) 8)) {
            return false;
        }
        return isTextOrAbsent(packet, at, length);
    }

    /** Whether the text, when there is one, is in a coding that every terminal shows. */
    static boolean isTextOrAbsent(byte[] packet, short at, short length) {
        short text = Tlv.value(packet, at, length, Tlv.TEXT);
        if (text == Tlv.ABSENT) {
            return true;
        }
        short octets = Tlv.length(packet, text);
        if (octets == 0) {
            return false;
        }
        byte coding = packet[text];
        return coding == Texts.CODING_DEFAULT
                || (coding == Texts.CODING_UCS2 && (short) (octets & 1) == 1);
    }

    /** The text of the card that names an outcome: 0x, 1x, or refused; 01 and 4F are not final. */
    static byte textOf(byte outcome) {
        if (outcome == OUTCOME_PENDING) {
            return Texts.PENDING;
        }
        short kind = (short) (outcome & 0xF0);
        if (kind == 0) {
            return Texts.PAID;
        }
        return kind == 0x10 ? Texts.GIVEN_BACK : Texts.REFUSED;
    }

    private static boolean isOutcome(byte octet) {
        for (short i = 0; i < (short) OUTCOMES.length; i++) {
            if (OUTCOMES[i] == octet) {
                return true;
            }
        }
        return false;
    }

    private static final byte OUTCOME_PENDING = 0x01;
    private static final byte[] OUTCOMES = {
        0x00, 0x01, 0x10, 0x11, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x30, 0x31, 0x32, 0x33,
        0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x40, 0x41, 0x42, 0x43, 0x4F,
    };
}
