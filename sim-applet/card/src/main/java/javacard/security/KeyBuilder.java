package javacard.security;

import svgate.card.CardKey;

/** See the Java Card API, class KeyBuilder: AES, persistent or transient. */
public class KeyBuilder {
    public static final byte TYPE_AES_TRANSIENT_RESET = 13;
    public static final byte TYPE_AES_TRANSIENT_DESELECT = 14;
    public static final byte TYPE_AES = 15;
    public static final short LENGTH_AES_128 = 128;
    public static final short LENGTH_AES_192 = 192;
    public static final short LENGTH_AES_256 = 256;

    private KeyBuilder() {}

    public static Key buildKey(byte type, short bits, boolean encrypted) {
        boolean aes = type >= TYPE_AES_TRANSIENT_RESET && type <= TYPE_AES;
        if (!aes || (bits != 128 && bits != 192 && bits != 256)) {
            CryptoException.throwIt(CryptoException.NO_SUCH_ALGORITHM);
        }
        return new CardKey(type, bits);
    }
}
