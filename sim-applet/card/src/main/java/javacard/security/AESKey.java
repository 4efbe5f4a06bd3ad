package javacard.security;

/** See the Java Card API, interface AESKey. */
public interface AESKey extends SecretKey {
    void setKey(byte[] key, short offset);

    byte getKey(byte[] target, short offset);
}
