package javacardx.crypto;

import javacard.security.CryptoException;
import javacard.security.Key;

import svgate.card.CardCipher;

/** See the Java Card API, class Cipher: AES in CBC mode without padding. */
public abstract class Cipher {
    public static final byte MODE_DECRYPT = 1;
    public static final byte MODE_ENCRYPT = 2;
    public static final byte ALG_AES_BLOCK_128_CBC_NOPAD = 13;

    protected Cipher() {}

    public static final Cipher getInstance(byte algorithm, boolean external) {
        if (algorithm != ALG_AES_BLOCK_128_CBC_NOPAD) {
            CryptoException.throwIt(CryptoException.NO_SUCH_ALGORITHM);
        }
        return new CardCipher();
    }

    /** With an initial vector of zeros. */
    public abstract void init(Key key, byte mode);

    public abstract short doFinal(
            byte[] input, short offset, short length, byte[] target, short targetOffset);
}
