package svgate.card;

/** An applet's fields and arrays of each kind, to write to. */
public interface MemoryProbe {
    /** Writes {@code value} everywhere, in a transaction or not. */
    void write(byte value, boolean transaction, boolean commit);

    /** What is where {@link #write} wrote; transient memory last, of a reset and of a session. */
    int[] read();

    /** Copies over the array, atomically or not, in a transaction that is aborted if told so. */
    void copy(byte value, boolean atomic, boolean abort);

    byte[] array();

    /** Presents a wrong PIN in a transaction that is aborted; gives the tries left. */
    int wrongPinAborted();

    /** Changes the PIN in a transaction that is aborted; whether the old one is right. */
    boolean changePinAborted();

    /** Writes more in one transaction than a commit holds. */
    void overflow();

    void openTransaction();
}
