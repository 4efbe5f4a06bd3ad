package javacard.framework;

import java.util.Arrays;
import java.util.HexFormat;

/** See the Java Card API, class AID. */
public class AID {
    private final byte[] octets;

    public AID(byte[] octets, short offset, byte length) {
        if (length < 5 || length > 16) {
            SystemException.throwIt(SystemException.ILLEGAL_VALUE);
        }
        this.octets = Arrays.copyOfRange(octets, offset, offset + length);
    }

    public final byte getBytes(byte[] target, short offset) {
        System.arraycopy(octets, 0, target, offset, octets.length);
        return (byte) octets.length;
    }

    public final boolean equals(byte[] other, short offset, byte length) {
        return Arrays.equals(octets, 0, octets.length, other, offset, offset + length);
    }

    public final boolean partialEquals(byte[] other, short offset, byte length) {
        return length <= octets.length
                && Arrays.equals(octets, 0, length, other, offset, offset + length);
    }

    @Override
    public final boolean equals(Object other) {
        return other instanceof AID aid && Arrays.equals(octets, aid.octets);
    }

    @Override
    public final int hashCode() {
        return Arrays.hashCode(octets);
    }

    @Override
    public String toString() {
        return HexFormat.of().formatHex(octets);
    }
}
