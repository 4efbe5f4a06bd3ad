package svgate.card;

import javacard.security.CryptoException;
import javacard.security.Key;
import javacard.security.Signature;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;

/** The signatures of the card: CBC-MAC without padding, and AES-CMAC where the card has it. */
public final class CardMac extends Signature {
    private final byte algorithm;
    private final ByteArrayOutputStream message = new ByteArrayOutputStream();
    private CardKey key;

    private CardMac(byte algorithm) {
        this.algorithm = algorithm;
    }

    public static Signature of(byte algorithm) {
        boolean cmac = algorithm == ALG_AES_CMAC_128 && Card.current().hasCmac();
        if (!cmac && algorithm != ALG_AES_MAC_128_NOPAD) {
            CryptoException.throwIt(CryptoException.NO_SUCH_ALGORITHM);
        }
        Card.current().nvm().allocate("Signature", Nvm.OBJECT_HEADER + 8);
        return new CardMac(algorithm);
    }

    @Override
    public void init(Key newKey, byte mode) {
        if (mode != MODE_SIGN || !newKey.isInitialized()) {
            CryptoException.throwIt(CryptoException.UNINITIALIZED_KEY);
        }
        key = (CardKey) newKey;
        message.reset();
    }

    @Override
    public void update(byte[] input, short offset, short length) {
        requireKey();
        message.write(input, offset, length);
    }

    @Override
    public short sign(byte[] input, short offset, short length, byte[] target, short targetOffset) {
        requireKey();
        message.write(input, offset, length);
        byte[] octets = message.toByteArray();
        message.reset();
        Card.current().macMade(key, octets);
        byte[] tag;
        if (algorithm == ALG_AES_CMAC_128) {
            tag = Aes.cmac(key.spec(), octets);
        } else {
            if (octets.length == 0 || octets.length % 16 != 0) {
                CryptoException.throwIt(CryptoException.ILLEGAL_USE);
            }
            byte[] chained = Aes.encipher(key.spec(), octets);
            tag = Arrays.copyOfRange(chained, chained.length - 16, chained.length);
        }
        Card.current().nvm().copyNonAtomic(tag, 0, target, targetOffset, tag.length);
        return (short) tag.length;
    }

    @Override
    public short getLength() {
        return 16;
    }

    @Override
    public byte getAlgorithm() {
        return algorithm;
    }

    private void requireKey() {
        if (key == null) {
            CryptoException.throwIt(CryptoException.INVALID_INIT);
        }
    }
}
