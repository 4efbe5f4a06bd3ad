package svgate.card;

import java.security.GeneralSecurityException;

import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** AES-CBC and AES-CMAC on the platform's provider, with an initial vector of zeros. */
public final class Aes {
    private static final IvParameterSpec ZEROS = new IvParameterSpec(new byte[16]);
    private static final ThreadLocal<Cipher> CBC = ThreadLocal.withInitial(Aes::cbc);

    private Aes() {}

    public static byte[] encipher(SecretKeySpec key, byte[] octets) {
        return run(Cipher.ENCRYPT_MODE, key, octets);
    }

    public static byte[] decipher(SecretKeySpec key, byte[] octets) {
        return run(Cipher.DECRYPT_MODE, key, octets);
    }

    /** AES-CMAC, SP 800-38B: 16 octets. */
    public static byte[] cmac(SecretKeySpec key, byte[] message) {
        byte[] subkey = doubled(encipher(key, new byte[16]));
        int blocks = Math.max(1, (message.length + 15) / 16);
        byte[] padded = new byte[blocks * 16];
        System.arraycopy(message, 0, padded, 0, message.length);
        if (message.length != padded.length) {
            padded[message.length] = (byte) 0x80;
            subkey = doubled(subkey);
        }
        for (int i = 0; i < 16; i++) {
            padded[padded.length - 16 + i] ^= subkey[i];
        }
        byte[] chained = encipher(key, padded);
        return java.util.Arrays.copyOfRange(chained, chained.length - 16, chained.length);
    }

    private static byte[] doubled(byte[] block) {
        byte[] twice = new byte[16];
        int carry = 0;
        for (int i = 15; i >= 0; i--) {
            int shifted = (block[i] & 0xFF) << 1 | carry;
            twice[i] = (byte) shifted;
            carry = shifted >> 8;
        }
        twice[15] ^= (byte) (carry * 0x87);
        return twice;
    }

    private static byte[] run(int mode, SecretKeySpec key, byte[] octets) {
        try {
            Cipher cipher = CBC.get();
            cipher.init(mode, key, ZEROS);
            return cipher.doFinal(octets);
        } catch (GeneralSecurityException e) {
            throw new IllegalArgumentException(e);
        }
    }

    private static Cipher cbc() {
        try {
            return Cipher.getInstance("AES/CBC/NoPadding");
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }
}
