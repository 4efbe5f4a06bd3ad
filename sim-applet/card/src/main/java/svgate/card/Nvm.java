package svgate.card;

import javacard.framework.TransactionException;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The card's memory: counts every persistent write, loses power at one of them if told to, and
 * undoes an open transaction at the next reset.
 *
 * <pre>
 * write n ──► journal (old value) ──► new value        commit = one write that forgets the journal
 * reset   ──► journal backwards, transient memory to zero
 * </pre>
 */
public final class Nvm {
    /** What an object or array costs besides its content, about as on a real card. */
    public static final int OBJECT_HEADER = 8;

    /** What one entry of the journal costs besides the old value. */
    private static final int JOURNAL_ENTRY = 4;

    private static final int COMMIT_CAPACITY = 512;

    private final Set<Object> clearedOnReset = identitySet();
    private final Set<Object> clearedOnDeselect = identitySet();
    private final List<Runnable> onReset = new ArrayList<>();
    private final Deque<Runnable> journal = new ArrayDeque<>();
    private final Map<String, Integer> allocations = new TreeMap<>();
    private int commitUsed;
    private int commitUsedMost;
    private boolean inTransaction;
    private boolean installed;
    private boolean dead;
    private long writes;
    private long cutAt = Long.MAX_VALUE;
    private int persistentOctets;
    private int transientOctets;

    /** Loses power at the {@code n}-th persistent write from now on: n − 1 of them happen. */
    public void cutAtWrite(long n) {
        cutAt = writes + n;
    }

    /** Persistent writes since the card was made. */
    public long writes() {
        return writes;
    }

    public boolean isDead() {
        return dead;
    }

    public boolean isTransient(Object object) {
        return clearedOnReset.contains(object) || clearedOnDeselect.contains(object);
    }

    /** Takes memory of the card's own, such as the APDU buffer, out of the count. */
    public byte[] ownBuffer(int octets) {
        byte[] buffer = new byte[octets];
        clearedOnReset.add(buffer);
        return buffer;
    }

    public byte[] transientBytes(int octets, boolean onDeselect) {
        byte[] array = new byte[octets];
        allocateTransient(array, octets, onDeselect);
        return array;
    }

    public short[] transientShorts(int count, boolean onDeselect) {
        short[] array = new short[count];
        allocateTransient(array, 2 * count, onDeselect);
        return array;
    }

    /** Accounts for transient memory that is no array, such as a transient key. */
    public void allocateTransient(int octets) {
        refuseAfterInstall("transient memory");
        transientOctets += octets;
    }

    /** Accounts for persistent memory. */
    public void allocate(String what, int octets) {
        refuseAfterInstall(what);
        persistentOctets += octets;
        allocations.merge(what, octets, Integer::sum);
    }

    /** From now on an allocation is a fault of the applet. */
    public void installed() {
        installed = true;
    }

    public int persistentOctets() {
        return persistentOctets;
    }

    public int transientOctets() {
        return transientOctets;
    }

    public int commitUsedMost() {
        return commitUsedMost;
    }

    public Map<String, Integer> allocations() {
        return Collections.unmodifiableMap(allocations);
    }

    public void onReset(Runnable action) {
        onReset.add(action);
    }

    /** One write that a transaction can undo. */
    public void write(int octets, Runnable change, Runnable undo) {
        tick();
        remember(octets, undo);
        change.run();
    }

    /** One write that no transaction undoes. */
    public void writeForGood(Runnable change) {
        tick();
        change.run();
    }

    /** Counts a write that the caller makes next, and remembers how to undo it. */
    public void beforeWrite(int octets, Runnable undo) {
        tick();
        remember(octets, undo);
    }

    public void copyAtomic(byte[] from, int fromAt, byte[] to, int toAt, int length) {
        if (isTransient(to)) {
            System.arraycopy(from, fromAt, to, toAt, length);
            return;
        }
        byte[] octets = Arrays.copyOfRange(from, fromAt, fromAt + length);
        byte[] before = Arrays.copyOfRange(to, toAt, toAt + length);
        atomically(
                () -> {
                    remember(length, () -> System.arraycopy(before, 0, to, toAt, length));
                    for (int i = 0; i < length; i++) {
                        tick();
                        to[toAt + i] = octets[i];
                    }
                });
    }

    public void copyNonAtomic(byte[] from, int fromAt, byte[] to, int toAt, int length) {
        if (isTransient(to)) {
            System.arraycopy(from, fromAt, to, toAt, length);
            return;
        }
        byte[] octets = Arrays.copyOfRange(from, fromAt, fromAt + length);
        for (int i = 0; i < length; i++) {
            tick();
            to[toAt + i] = octets[i];
        }
    }

    /** Runs writes that happen together or not at all, as part of a transaction if one is open. */
    public void atomically(Runnable writesTogether) {
        if (inTransaction) {
            writesTogether.run();
            return;
        }
        begin();
        writesTogether.run();
        commit();
    }

    public boolean inTransaction() {
        return inTransaction;
    }

    public int commitCapacity() {
        return COMMIT_CAPACITY;
    }

    public int commitUsed() {
        return commitUsed;
    }

    public void begin() {
        if (inTransaction) {
            TransactionException.throwIt(TransactionException.IN_PROGRESS);
        }
        inTransaction = true;
    }

    public void commit() {
        if (!inTransaction) {
            TransactionException.throwIt(TransactionException.NOT_IN_PROGRESS);
        }
        tick();
        forgetJournal();
    }

    public void abort() {
        if (!inTransaction) {
            TransactionException.throwIt(TransactionException.NOT_IN_PROGRESS);
        }
        undo();
    }

    /** Power is back. */
    public void reset() {
        dead = false;
        cutAt = Long.MAX_VALUE;
        undo();
        clearedOnReset.forEach(Nvm::clear);
        clearedOnDeselect.forEach(Nvm::clear);
        onReset.forEach(Runnable::run);
    }

    public void deselect() {
        clearedOnDeselect.forEach(Nvm::clear);
    }

    private void tick() {
        if (!dead) {
            writes++;
            dead = writes == cutAt;
        }
        if (dead) {
            throw new PowerLost();
        }
    }

    private void remember(int octets, Runnable undo) {
        if (!inTransaction) {
            return;
        }
        int used = commitUsed + octets + JOURNAL_ENTRY;
        if (used > COMMIT_CAPACITY) {
            TransactionException.throwIt(TransactionException.BUFFER_FULL);
        }
        commitUsed = used;
        commitUsedMost = Math.max(commitUsedMost, used);
        journal.push(undo);
    }

    private void undo() {
        journal.forEach(Runnable::run);
        forgetJournal();
    }

    private void forgetJournal() {
        journal.clear();
        commitUsed = 0;
        inTransaction = false;
    }

    private void allocateTransient(Object array, int octets, boolean onDeselect) {
        allocateTransient(octets);
        (onDeselect ? clearedOnDeselect : clearedOnReset).add(array);
    }

    private void refuseAfterInstall(String what) {
        if (installed) {
            throw new IllegalStateException("allocated after install: " + what);
        }
    }

    private static void clear(Object array) {
        if (array instanceof byte[] octets) {
            Arrays.fill(octets, (byte) 0);
        } else if (array instanceof short[] shorts) {
            Arrays.fill(shorts, (short) 0);
        }
    }

    private static Set<Object> identitySet() {
        return Collections.newSetFromMap(new IdentityHashMap<>());
    }
}
