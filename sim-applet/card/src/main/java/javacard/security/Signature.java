package javacard.security;

import svgate.card.CardMac;

/** See the Java Card API, class Signature: the AES ones. */
public abstract class Signature {
    public static final byte MODE_SIGN = 1;
    public static final byte MODE_VERIFY = 2;
    public static final byte ALG_AES_MAC_128_NOPAD = 18;

    /** Of later API versions; a card of 3.0.4 does not have it unless it is told to. */
    public static final byte ALG_AES_CMAC_128 = 49;

    protected Signature() {}

    public static final Signature getInstance(byte algorithm, boolean external) {
        return CardMac.of(algorithm);
    }

    public abstract void init(Key key, byte mode);

    public abstract void update(byte[] input, short offset, short length);

    public abstract short sign(
            byte[] input, short offset, short length, byte[] target, short targetOffset);

    public abstract short getLength();

    public abstract byte getAlgorithm();
}
