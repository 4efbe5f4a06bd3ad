package javacard.framework;

/** See the Java Card API, interface Shareable. */
public interface Shareable {}
