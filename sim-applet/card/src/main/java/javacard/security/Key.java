package javacard.security;

/** See the Java Card API, interface Key. */
public interface Key {
    boolean isInitialized();

    void clearKey();

    byte getType();

    short getSize();
}
