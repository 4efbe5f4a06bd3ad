package javacard.framework;

import svgate.card.Card;
import svgate.card.Nvm;

import java.util.Arrays;

/**
 * See the Java Card API, class Util: what is atomic there is atomic here, and what is not is not.
 */
public class Util {
    private Util() {}

    public static short arrayCopy(byte[] from, short fromAt, byte[] to, short toAt, short length) {
        check(from, fromAt, length);
        check(to, toAt, length);
        nvm().copyAtomic(from, fromAt, to, toAt, length);
        return (short) (toAt + length);
    }

    public static short arrayCopyNonAtomic(
            byte[] from, short fromAt, byte[] to, short toAt, short length) {
        check(from, fromAt, length);
        check(to, toAt, length);
        nvm().copyNonAtomic(from, fromAt, to, toAt, length);
        return (short) (toAt + length);
    }

    public static short arrayFillNonAtomic(byte[] array, short at, short length, byte value) {
        check(array, at, length);
        byte[] filling = new byte[length];
        Arrays.fill(filling, value);
        nvm().copyNonAtomic(filling, 0, array, at, length);
        return (short) (at + length);
    }

    public static byte arrayCompare(
            byte[] left, short leftAt, byte[] right, short rightAt, short length) {
        check(left, leftAt, length);
        check(right, rightAt, length);
        int order =
                Arrays.compareUnsigned(
                        left, leftAt, leftAt + length, right, rightAt, rightAt + length);
        return (byte) Integer.signum(order);
    }

    public static short makeShort(byte high, byte low) {
        return (short) ((high << 8) | (low & 0xFF));
    }

    public static short getShort(byte[] array, short at) {
        return makeShort(array[at], array[at + 1]);
    }

    public static short setShort(byte[] array, short at, short value) {
        byte[] octets = {(byte) (value >> 8), (byte) value};
        nvm().copyAtomic(octets, 0, array, at, 2);
        return (short) (at + 2);
    }

    private static void check(byte[] array, short at, short length) {
        if (at < 0 || length < 0 || at + length > array.length) {
            throw new ArrayIndexOutOfBoundsException(at + " + " + length + " > " + array.length);
        }
    }

    private static Nvm nvm() {
        return Card.current().nvm();
    }
}
