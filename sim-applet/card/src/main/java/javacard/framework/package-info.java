/** The part of Java Card 3.0.4 Classic that the applet uses, as this card implements it. */
package javacard.framework;
