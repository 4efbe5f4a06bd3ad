package svgate.applet;

/** Numbers and comparisons on octets, for a card without {@code int}. */
final class Octets {
    private Octets() {}

    /**
     * Adds one to a binary number, highest octet first.
     *
     * @return false, with nothing changed, when the number is all ones
     */
    static boolean increment(byte[] number, short offset, short length) {
        short at = (short) (offset + length - 1);
        while (at >= offset && number[at] == (byte) 0xFF) {
            at--;
        }
        if (at < offset) {
            return false;
        }
        number[at]++;
        short end = (short) (offset + length);
        for (at++; at < end; at++) {
            number[at] = 0;
        }
        return true;
    }

    /** Compares two binary numbers of one length: below 0, 0 or above 0. */
    static short compare(byte[] left, short leftAt, byte[] right, short rightAt, short length) {
        for (short i = 0; i < length; i++) {
            short difference =
                    (short)
                            ((left[(short) (leftAt + i)] & 0xFF)
                                    - (right[(short) (rightAt + i)] & 0xFF));
            if (difference != 0) {
                return difference;
            }
        }
        return 0;
    }

    /** Whether octets are equal, in a time that does not tell where they differ. */
    static boolean same(byte[] left, short leftAt, byte[] right, short rightAt, short length) {
        byte difference = 0;
        for (short i = 0; i < length; i++) {
            difference |= (byte) (left[(short) (leftAt + i)] ^ right[(short) (rightAt + i)]);
        }
        return difference == 0;
    }

    /** Whether all octets are {@code value}. */
    static boolean all(byte[] octets, short offset, short length, byte value) {
        short end = (short) (offset + length);
        for (short at = offset; at < end; at++) {
            if (octets[at] != value) {
                return false;
            }
        }
        return true;
    }
}
