package svgate.card;

import javacard.security.CryptoException;
import javacard.security.Key;

import javacardx.crypto.Cipher;

import java.util.Arrays;

/** AES-CBC of whole blocks. */
public final class CardCipher extends Cipher {
    private CardKey key;
    private byte mode;

    public CardCipher() {
        Card.current().nvm().allocate("Cipher", Nvm.OBJECT_HEADER + 8);
    }

    @Override
    public void init(Key newKey, byte newMode) {
        if (!newKey.isInitialized()) {
            CryptoException.throwIt(CryptoException.UNINITIALIZED_KEY);
        }
        key = (CardKey) newKey;
        mode = newMode;
    }

    @Override
    public short doFinal(
            byte[] input, short offset, short length, byte[] target, short targetOffset) {
        if (key == null) {
            CryptoException.throwIt(CryptoException.INVALID_INIT);
        }
        if (length % 16 != 0) {
            CryptoException.throwIt(CryptoException.ILLEGAL_USE);
        }
        byte[] octets = Arrays.copyOfRange(input, offset, offset + length);
        byte[] result =
                mode == MODE_ENCRYPT
                        ? Aes.encipher(key.spec(), octets)
                        : Aes.decipher(key.spec(), octets);
        Card.current().nvm().copyNonAtomic(result, 0, target, targetOffset, result.length);
        return length;
    }
}
