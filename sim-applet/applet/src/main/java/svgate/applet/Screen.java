package svgate.applet;

import javacard.framework.Util;

/**
 * Writes a text for the terminal, in the coding of the language. Each step takes where to write and
 * gives where it ended; {@link #FULL} goes through all further steps, so that a text that does not
 * fit whole is never shown in part.
 */
final class Screen {
    static final short FULL = -1;

    private final Ram ram;
    private final Texts texts;
    private final Profile profile;

    Screen(Ram ram, Texts texts, Profile profile) {
        this.ram = ram;
        this.texts = texts;
        this.profile = profile;
    }

    byte coding() {
        return texts.coding();
    }

    short text(short at, byte number) {
        byte language = texts.language();
        if (at == FULL || !fits(at, texts.length(language, number))) {
            return FULL;
        }
        return texts.copy(language, number, ram.screen, at);
    }

    /** One character that ASCII and the GSM default alphabet have in common. */
    short character(short at, byte character) {
        boolean wide = texts.coding() == Texts.CODING_UCS2;
        if (at == FULL || !fits(at, wide ? (short) 2 : (short) 1)) {
            return FULL;
        }
        short next = at;
        if (wide) {
            ram.screen[next] = 0;
            next++;
        }
        ram.screen[next] = character;
        return (short) (next + 1);
    }

    short characters(short at, byte[] octets, short from, short length) {
        short next = at;
        short end = (short) (from + length);
        for (short i = from; i < end; i++) {
            next = character(next, octets[i]);
        }
        return next;
    }

    /** Decimal digits, two in an octet, without the zeros in front. */
    short digits(short at, byte[] octets, short from, short length) {
        short next = at;
        boolean begun = false;
        short nibbles = (short) (length * 2);
        for (short i = 0; i < nibbles; i++) {
            byte pair = octets[(short) (from + (short) (i / 2))];
            byte digit = (byte) ((i & 1) == 0 ? (pair >> 4) & 0x0F : pair & 0x0F);
            begun = begun || digit != 0;
            if (begun) {
                next = character(next, (byte) ('0' + digit));
            }
        }
        return next;
    }

    /** The amount of an element, with the point where the card's currency has it, and its code. */
    short amount(short at, byte[] packet, short valueAt) {
        Amount.load(packet, valueAt, ram.sums);
        short from = Amount.toDigits(ram.sums, profile.exponent);
        short point = (short) (Ram.SUMS_OCTETS - profile.exponent);
        short next = at;
        for (short i = from; i < Ram.SUMS_OCTETS; i++) {
            if (i == point) {
                next = character(next, (byte) '.');
            }
            next = character(next, ram.sums[i]);
        }
        next = character(next, (byte) ' ');
        return characters(next, profile.currencyCode, (short) 0, Profile.CODE_OCTETS);
    }

    /** The order, read from the octets that are sealed. */
    short order(short at, short length) {
        byte[] order = ram.order;
        short next = at;
        short item = Tlv.value(order, (short) 0, length, Tlv.ITEM);
        if (item != Tlv.ABSENT) {
            next = character(next, (byte) '\n');
            next = characters(next, order, item, Tlv.length(order, item));
            next = character(next, (byte) ' ');
            next = character(next, (byte) 'x');
            next = number(next, order[Tlv.value(order, (short) 0, length, Tlv.QUANTITY)]);
        }
        short shortCode = Tlv.value(order, (short) 0, length, Tlv.SHORT_CODE);
        if (shortCode != Tlv.ABSENT) {
            next = character(next, item == Tlv.ABSENT ? (byte) '\n' : (byte) ' ');
            next = character(next, (byte) '>');
            next = digits(next, order, shortCode, (short) 3);
        }
        short pon = Tlv.value(order, (short) 0, length, Tlv.PON);
        if (pon != Tlv.ABSENT) {
            next = character(next, (byte) '\n');
            next = digits(next, order, pon, (short) 4);
        }
        next = character(next, (byte) '\n');
        byte kind = order[Tlv.value(order, (short) 0, length, Tlv.AMOUNT_KIND)];
        next = text(next, kind == Order.AS_SHOWN ? Texts.PRICE : Texts.AT_MOST);
        next = character(next, (byte) ' ');
        return amount(next, order, Tlv.value(order, (short) 0, length, Tlv.AMOUNT));
    }

    /** Octets that are in the coding of the language already. */
    short coded(short at, byte[] octets, short from, short length) {
        if (at == FULL || !fits(at, length)) {
            return FULL;
        }
        return Util.arrayCopyNonAtomic(octets, from, ram.screen, at, length);
    }

    private short number(short at, byte quantity) {
        short next = at;
        if (quantity > 9) {
            next = character(next, (byte) ('0' + (byte) (quantity / 10)));
        }
        return character(next, (byte) ('0' + (byte) (quantity % 10)));
    }

    private static boolean fits(short at, short length) {
        return (short) (at + length) <= Ram.SCREEN_OCTETS;
    }
}
