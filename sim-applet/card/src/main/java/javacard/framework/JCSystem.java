package javacard.framework;

import svgate.card.Card;
import svgate.card.Nvm;

/** See the Java Card API, class JCSystem. */
public final class JCSystem {
    public static final byte NOT_A_TRANSIENT_OBJECT = 0;
    public static final byte CLEAR_ON_RESET = 1;
    public static final byte CLEAR_ON_DESELECT = 2;

    private JCSystem() {}

    public static byte isTransient(Object object) {
        return nvm().isTransient(object) ? CLEAR_ON_RESET : NOT_A_TRANSIENT_OBJECT;
    }

    public static byte[] makeTransientByteArray(short length, byte event) {
        return nvm().transientBytes(length, event == CLEAR_ON_DESELECT);
    }

    public static short[] makeTransientShortArray(short length, byte event) {
        return nvm().transientShorts(length, event == CLEAR_ON_DESELECT);
    }

    public static void beginTransaction() {
        nvm().begin();
    }

    public static void commitTransaction() {
        nvm().commit();
    }

    public static void abortTransaction() {
        nvm().abort();
    }

    public static byte getTransactionDepth() {
        return (byte) (nvm().inTransaction() ? 1 : 0);
    }

    public static short getMaxCommitCapacity() {
        return (short) nvm().commitCapacity();
    }

    public static short getUnusedCommitCapacity() {
        return (short) (nvm().commitCapacity() - nvm().commitUsed());
    }

    private static Nvm nvm() {
        return Card.current().nvm();
    }
}
