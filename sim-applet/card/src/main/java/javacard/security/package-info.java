/** Keys and signatures of the Java Card API, over the platform's AES. */
package javacard.security;
