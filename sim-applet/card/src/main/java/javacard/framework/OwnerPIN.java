package javacard.framework;

import svgate.card.Card;
import svgate.card.Nvm;

import java.util.Arrays;

/**
 * See the Java Card API, class OwnerPIN. The number of tries and the validated flag take no part in
 * a transaction, except in {@link #update}; a try is used up before the digits are compared.
 */
public class OwnerPIN implements PIN {
    private final byte tryLimit;
    private final byte[] pin;
    private int length;
    private byte tries;

    /** In RAM. */
    private boolean validated;

    public OwnerPIN(byte tryLimit, byte maxPINSize) {
        if (tryLimit < 1 || maxPINSize < 1) {
            PINException.throwIt(PINException.ILLEGAL_VALUE);
        }
        this.tryLimit = tryLimit;
        pin = new byte[maxPINSize];
        tries = tryLimit;
        nvm().allocate("OwnerPIN", Nvm.OBJECT_HEADER + 4 + maxPINSize);
        nvm().onReset(() -> validated = false);
    }

    @Override
    public byte getTriesRemaining() {
        return tries;
    }

    @Override
    public boolean check(byte[] candidate, short offset, byte candidateLength) {
        validated = false;
        if (tries == 0) {
            return false;
        }
        byte fewer = (byte) (tries - 1);
        nvm().writeForGood(() -> tries = fewer);
        boolean right =
                candidateLength == length
                        && Arrays.equals(
                                pin, 0, length, candidate, offset, offset + candidateLength);
        if (right) {
            nvm().writeForGood(() -> tries = tryLimit);
            validated = true;
        }
        return right;
    }

    @Override
    public boolean isValidated() {
        return validated;
    }

    @Override
    public void reset() {
        validated = false;
    }

    public void update(byte[] digits, short offset, byte newLength) {
        if (newLength > pin.length) {
            PINException.throwIt(PINException.ILLEGAL_VALUE);
        }
        byte[] padded =
                Arrays.copyOf(Arrays.copyOfRange(digits, offset, offset + newLength), pin.length);
        validated = false;
        nvm().atomically(
                        () -> {
                            int lengthBefore = length;
                            byte triesBefore = tries;
                            nvm().copyAtomic(padded, 0, pin, 0, pin.length);
                            nvm().write(1, () -> length = newLength, () -> length = lengthBefore);
                            nvm().write(1, () -> tries = tryLimit, () -> tries = triesBefore);
                        });
    }

    public void resetAndUnblock() {
        validated = false;
        nvm().writeForGood(() -> tries = tryLimit);
    }

    private static Nvm nvm() {
        return Card.current().nvm();
    }
}
