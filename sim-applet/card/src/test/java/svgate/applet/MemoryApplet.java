package svgate.applet;

import javacard.framework.APDU;
import javacard.framework.Applet;
import javacard.framework.JCSystem;
import javacard.framework.OwnerPIN;
import javacard.framework.Util;

import svgate.card.MemoryProbe;

/** Writes to fields and arrays as any applet does, for tests of the card's memory. */
public final class MemoryApplet extends Applet implements MemoryProbe {
    private static final byte[] FILLING = new byte[256];

    /**
     * Filled by the class initialiser, as what comes with a CAP: an array made here is written to.
     */
    private static final byte[][] COPIES = new byte[10][8];

    static {
        for (int i = 0; i < COPIES.length; i++) {
            java.util.Arrays.fill(COPIES[i], (byte) i);
        }
    }

    private final byte[] bytes = new byte[8];
    private final boolean[] flags = new boolean[1];
    private final short[] shorts = new short[1];
    private final Object[] references = new Object[1];
    private final byte[] large = new byte[1024];
    private final byte[] ram = JCSystem.makeTransientByteArray((short) 8, JCSystem.CLEAR_ON_RESET);
    private final byte[] session =
            JCSystem.makeTransientByteArray((short) 1, JCSystem.CLEAR_ON_DESELECT);
    private final OwnerPIN pin = new OwnerPIN((byte) 3, (byte) 8);
    private byte octet;
    private short number;
    private boolean flag;
    private Object reference;

    public MemoryApplet() {
        pin.update(new byte[] {1, 2, 3, 4}, (short) 0, (byte) 4);
    }

    @Override
    public void process(APDU apdu) {}

    @Override
    public void write(byte value, boolean transaction, boolean commit) {
        if (transaction) {
            JCSystem.beginTransaction();
        }
        octet = value;
        number = value;
        flag = value != 0;
        reference = value != 0 ? this : null;
        bytes[0] = value;
        flags[0] = value != 0;
        shorts[0] = value;
        references[0] = value != 0 ? this : null;
        ram[0] = value;
        session[0] = value;
        if (commit) {
            JCSystem.commitTransaction();
        } else if (transaction) {
            JCSystem.abortTransaction();
        }
    }

    @Override
    public int[] read() {
        return new int[] {
            octet,
            number,
            flag ? 1 : 0,
            reference != null ? 1 : 0,
            bytes[0],
            flags[0] ? 1 : 0,
            shorts[0],
            references[0] != null ? 1 : 0,
            ram[0],
            session[0],
        };
    }

    @Override
    public void copy(byte value, boolean atomic, boolean abort) {
        byte[] from = COPIES[value];
        if (abort) {
            JCSystem.beginTransaction();
        }
        if (atomic) {
            Util.arrayCopy(from, (short) 0, bytes, (short) 0, (short) 8);
        } else {
            Util.arrayCopyNonAtomic(from, (short) 0, bytes, (short) 0, (short) 8);
        }
        if (abort) {
            JCSystem.abortTransaction();
        }
    }

    @Override
    public byte[] array() {
        return bytes;
    }

    @Override
    public int wrongPinAborted() {
        JCSystem.beginTransaction();
        pin.check(FILLING, (short) 0, (byte) 4);
        JCSystem.abortTransaction();
        return pin.getTriesRemaining();
    }

    @Override
    public boolean changePinAborted() {
        JCSystem.beginTransaction();
        pin.update(FILLING, (short) 0, (byte) 4);
        JCSystem.abortTransaction();
        return pin.check(new byte[] {1, 2, 3, 4}, (short) 0, (byte) 4);
    }

    @Override
    public void overflow() {
        JCSystem.beginTransaction();
        Util.arrayCopy(FILLING, (short) 0, large, (short) 0, (short) 256);
        Util.arrayCopy(FILLING, (short) 0, large, (short) 256, (short) 256);
        JCSystem.commitTransaction();
    }

    @Override
    public void openTransaction() {
        JCSystem.beginTransaction();
        octet = 99;
    }
}
