package svgate.applet;

import javacard.framework.JCSystem;
import javacard.framework.Util;
import javacard.security.AESKey;
import javacard.security.CryptoException;
import javacard.security.Signature;

/**
 * AES-CMAC, NIST SP 800-38B: by the card's own algorithm where it has one, else from AES in CBC-MAC
 * mode with the subkeys K1 and K2, which no measured UICC lacks.
 */
final class Cmac {
    static final short OCTETS = 16;

    /** {@code Signature.ALG_AES_CMAC_128} of later API versions; unknown to 3.0.4. */
    private static final byte ALG_AES_CMAC_128 = (byte) 49;

    /** The subkey, then the last block, then the checksum. */
    private static final short SUBKEY = 0;

    private static final short BLOCK = 16;
    private static final short TAG = 32;

    private final Signature engine;
    private final boolean whole;
    private final byte[] scratch;

    Cmac() {
        this(algorithmOfCard());
    }

    /** With the card's own algorithm, or built when that is null. */
    Cmac(Signature own) {
        whole = own != null;
        engine = whole ? own : Signature.getInstance(Signature.ALG_AES_MAC_128_NOPAD, false);
        scratch = JCSystem.makeTransientByteArray((short) 48, JCSystem.CLEAR_ON_RESET);
    }

    /**
     * Makes the checksum of two parts one after the other; it is read by {@link #copyTag} and
     * {@link #matches}. The first part has whole blocks only, and the second is not empty unless
     * the first is.
     */
    void make(
            AESKey key,
            byte[] first,
            short firstAt,
            short firstLength,
            byte[] second,
            short secondAt,
            short secondLength) {
        if (whole) {
            engine.init(key, Signature.MODE_SIGN);
            if (firstLength > 0) {
                engine.update(first, firstAt, firstLength);
            }
            engine.sign(second, secondAt, secondLength, scratch, TAG);
            return;
        }
        // All blocks of the second part but its last, whole or not.
        short rest = (short) (secondLength & 0x0F);
        if (rest == 0 && secondLength > 0) {
            rest = OCTETS;
        }
        short before = (short) (secondLength - rest);

        engine.init(key, Signature.MODE_SIGN);
        Util.arrayFillNonAtomic(scratch, BLOCK, OCTETS, (byte) 0);
        engine.sign(scratch, BLOCK, OCTETS, scratch, SUBKEY);
        doubleSubkey();
        Util.arrayCopyNonAtomic(second, (short) (secondAt + before), scratch, BLOCK, rest);
        if (rest < OCTETS) {
            scratch[(short) (BLOCK + rest)] = (byte) 0x80;
            doubleSubkey();
        }
        for (short i = 0; i < OCTETS; i++) {
            scratch[(short) (BLOCK + i)] ^= scratch[(short) (SUBKEY + i)];
        }
        engine.init(key, Signature.MODE_SIGN);
        if (firstLength > 0) {
            engine.update(first, firstAt, firstLength);
        }
        if (before > 0) {
            engine.update(second, secondAt, before);
        }
        engine.sign(scratch, BLOCK, OCTETS, scratch, TAG);
        Util.arrayFillNonAtomic(scratch, SUBKEY, TAG, (byte) 0);
    }

    /** Copies the leftmost octets of the checksum that was made last. */
    void copyTag(byte[] target, short at, short length) {
        Util.arrayCopyNonAtomic(scratch, TAG, target, at, length);
    }

    /** Compares the leftmost octets of the checksum that was made last, in constant time. */
    boolean matches(byte[] octets, short at, short length) {
        return Octets.same(octets, at, scratch, TAG, length);
    }

    void wipe() {
        Util.arrayFillNonAtomic(scratch, (short) 0, (short) scratch.length, (byte) 0);
    }

    private static Signature algorithmOfCard() {
        try {
            return Signature.getInstance(ALG_AES_CMAC_128, false);
        } catch (CryptoException absent) {
            return null;
        }
    }

    private void doubleSubkey() {
        // No branch on a key: all ones where the highest bit is carried out, else nothing.
        byte carried = (byte) (scratch[SUBKEY] >> 7);
        for (short i = 0; i < 15; i++) {
            scratch[i] = (byte) ((scratch[i] << 1) | ((scratch[(short) (i + 1)] & 0xFF) >> 7));
        }
        scratch[15] = (byte) ((scratch[15] << 1) ^ (carried & 0x87));
    }
}
