/**
 * The part of ETSI TS 102 241 that the applet uses: signatures and constants, written down for
 * compiling. A card brings its own classes of these names, so nothing here ever runs on one.
 */
package uicc.toolkit;
