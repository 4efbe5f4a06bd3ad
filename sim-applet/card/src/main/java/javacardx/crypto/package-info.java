/** Ciphers of the Java Card API, over the platform's AES. */
package javacardx.crypto;
