package javacard.framework;

/** See the Java Card API, interface PIN. */
public interface PIN {
    byte getTriesRemaining();

    boolean check(byte[] pin, short offset, byte length);

    boolean isValidated();

    void reset();
}
