package svgate.card;

import javacard.security.AESKey;
import javacard.security.CryptoException;
import javacard.security.KeyBuilder;

import java.util.Arrays;

import javax.crypto.spec.SecretKeySpec;

/**
 * An AES key. Setting a persistent one is taken at its worst: octet by octet, not undone by a
 * transaction, and not usable while it is half done.
 */
public final class CardKey implements AESKey {
    private final byte type;
    private final byte[] octets;
    private boolean initialised;

    public CardKey(byte type, short bits) {
        this.type = type;
        octets = new byte[bits / 8];
        Nvm nvm = Card.current().nvm();
        if (isTransient()) {
            nvm.allocateTransient(octets.length);
            nvm.onReset(this::wipe);
        } else {
            nvm.allocate("AESKey", Nvm.OBJECT_HEADER + octets.length + 4);
        }
    }

    @Override
    public void setKey(byte[] key, short offset) {
        byte[] value = Arrays.copyOfRange(key, offset, offset + octets.length);
        if (isTransient()) {
            System.arraycopy(value, 0, octets, 0, value.length);
            initialised = true;
            return;
        }
        Nvm nvm = Card.current().nvm();
        nvm.writeForGood(() -> initialised = false);
        nvm.copyNonAtomic(value, 0, octets, 0, value.length);
        nvm.writeForGood(() -> initialised = true);
    }

    @Override
    public void clearKey() {
        if (isTransient()) {
            wipe();
            return;
        }
        Nvm nvm = Card.current().nvm();
        nvm.writeForGood(() -> initialised = false);
        nvm.copyNonAtomic(new byte[octets.length], 0, octets, 0, octets.length);
    }

    @Override
    public byte getKey(byte[] target, short offset) {
        if (!initialised) {
            CryptoException.throwIt(CryptoException.UNINITIALIZED_KEY);
        }
        Card.current().nvm().copyNonAtomic(octets, 0, target, offset, octets.length);
        return (byte) octets.length;
    }

    @Override
    public boolean isInitialized() {
        return initialised;
    }

    @Override
    public byte getType() {
        return type;
    }

    @Override
    public short getSize() {
        return (short) (octets.length * 8);
    }

    /** The key for the platform's AES. */
    SecretKeySpec spec() {
        if (!initialised) {
            CryptoException.throwIt(CryptoException.UNINITIALIZED_KEY);
        }
        return new SecretKeySpec(octets, "AES");
    }

    private boolean isTransient() {
        return type != KeyBuilder.TYPE_AES;
    }

    private void wipe() {
        Arrays.fill(octets, (byte) 0);
        initialised = false;
    }
}
