package svgate.applet;

import javacard.framework.Util;

/** Money in smallest units: eight octets, highest first, so that a card needs no {@code int}. */
final class Amount {
    static final short OCTETS = 8;

    /** The digits of 2^63. */
    static final short DIGITS_MAX = 19;

    /** More than any purchase costs, and far below 2^63. */
    static final short TYPED_DIGITS_MAX = 12;

    private Amount() {}

    /**
     * Reads what was typed: digits, and perhaps one separator ({@code . , *}) with exactly the
     * currency's digits behind it. Anything else would have to be guessed at.
     *
     * @return whether {@code sums[0..8]} is the amount, and it is not 0
     */
    static boolean read(byte[] typed, short at, short length, byte exponent, byte[] sums) {
        Util.arrayFillNonAtomic(sums, (short) 0, OCTETS, (byte) 0);
        short end = (short) (at + length);
        short decimals = -1;
        short digits = 0;
        for (short i = at; i < end; i++) {
            byte character = typed[i];
            if (character == '.' || character == ',' || character == '*') {
                if (decimals >= 0 || digits == 0) {
                    return false;
                }
                decimals = 0;
                continue;
            }
            if (character < '0' || character > '9') {
                return false;
            }
            timesTenPlus(sums, (byte) (character - '0'));
            digits++;
            if (decimals >= 0) {
                decimals++;
            }
        }
        if (digits == 0 || digits > TYPED_DIGITS_MAX || (decimals >= 0 && decimals != exponent)) {
            return false;
        }
        for (short i = decimals < 0 ? (short) 0 : exponent; i < exponent; i++) {
            timesTenPlus(sums, (byte) 0);
        }
        return !Octets.all(sums, (short) 0, OCTETS, (byte) 0);
    }

    /** Writes the amount {@code sums[0..8]} as an element, in its shortest form. */
    static short put(byte[] packet, short at, byte[] sums) {
        short from = 0;
        while (from < (short) (OCTETS - 1) && sums[from] == 0) {
            from++;
        }
        return Tlv.put(packet, at, Tlv.AMOUNT, sums, from, (short) (OCTETS - from));
    }

    /** Whether an element's value is an amount above 0 that 63 bits hold. */
    static boolean isAmount(byte[] packet, short valueAt) {
        short length = Tlv.length(packet, valueAt);
        return length >= 1
                && length <= OCTETS
                && !(length == OCTETS && packet[valueAt] < 0)
                && !Octets.all(packet, valueAt, length, (byte) 0);
    }

    /** Reads an element's value into {@code sums[0..8]}. */
    static void load(byte[] packet, short valueAt, byte[] sums) {
        short length = Tlv.length(packet, valueAt);
        short zeros = (short) (OCTETS - length);
        Util.arrayFillNonAtomic(sums, (short) 0, zeros, (byte) 0);
        Util.arrayCopyNonAtomic(packet, valueAt, sums, zeros, length);
    }

    /**
     * Turns {@code sums[0..8]} into decimal digits that end at the end of {@code sums}, at least
     * one more than the exponent.
     *
     * @return where the digits begin in {@code sums}
     */
    static short toDigits(byte[] sums, byte exponent) {
        short at = Ram.SUMS_OCTETS;
        short least = (short) (Ram.SUMS_OCTETS - exponent - 1);
        while (at > least || !Octets.all(sums, (short) 0, OCTETS, (byte) 0)) {
            at--;
            sums[at] = (byte) ('0' + divideByTen(sums));
        }
        return at;
    }

    private static void timesTenPlus(byte[] sums, byte digit) {
        short carry = digit;
        for (short i = (short) (OCTETS - 1); i >= 0; i--) {
            short product = (short) ((short) ((sums[i] & 0xFF) * 10) + carry);
            sums[i] = (byte) product;
            carry = (short) ((product >> 8) & 0xFF);
        }
    }

    private static byte divideByTen(byte[] sums) {
        short rest = 0;
        for (short i = 0; i < OCTETS; i++) {
            short part = (short) ((short) (rest << 8) | (short) (sums[i] & 0xFF));
            sums[i] = (byte) (part / 10);
            rest = (short) (part % 10);
        }
        return (byte) rest;
    }
}
