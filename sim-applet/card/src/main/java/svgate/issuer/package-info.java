/**
 * The other end of the card: what its issuer and its gateway do, written apart from the applet so
 * that each proves the other.
 */
package svgate.issuer;
