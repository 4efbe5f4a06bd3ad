package javacard.security;

/** See the Java Card API, interface SecretKey. */
public interface SecretKey extends Key {}
