/**
 * The payment applet: what a subscriber agreed to on the screen of the phone, under a MAC.
 *
 * <p>Java Card 3.0.4 Classic and {@code uicc.toolkit} of ETSI TS 102 241; no {@code int}, no
 * allocation after install, no static state. What must outlive a torn card is written in
 * transactions; everything else is in {@link svgate.applet.Ram} and wiped at the end of each event.
 */
package svgate.applet;
