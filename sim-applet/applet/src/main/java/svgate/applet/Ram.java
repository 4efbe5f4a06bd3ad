package svgate.applet;

import javacard.framework.JCSystem;
import javacard.framework.Util;

/** Everything that a power cut may take: made once at install, wiped at the end of each event. */
final class Ram {
    /** The longest service address, the rest of an SMS-SUBMIT, and TP-UD. */
    static final short PACKET_OCTETS = 164;

    static final short SCREEN_OCTETS = 160;
    static final short ORDER_OCTETS = 48;
    static final short ENTRY_OCTETS = 16;
    static final short SUMS_OCTETS = 28;

    /** A packet, or a whole TPDU, on its way in or out. */
    final byte[] packet;

    /** The order: what is shown and what is sealed are read from here, and from nowhere else. */
    final byte[] order;

    /** A text for the terminal. */
    final byte[] screen;

    /** What the subscriber typed; a PIN is nowhere else. */
    final byte[] entry;

    /** Room for sums. */
    final byte[] sums;

    Ram() {
        packet = make(PACKET_OCTETS);
        order = make(ORDER_OCTETS);
        screen = make(SCREEN_OCTETS);
        entry = make(ENTRY_OCTETS);
        sums = make(SUMS_OCTETS);
    }

    void wipe() {
        wipe(packet);
        wipe(order);
        wipe(screen);
        wipe(entry);
        wipe(sums);
    }

    static void wipe(byte[] octets) {
        Util.arrayFillNonAtomic(octets, (short) 0, (short) octets.length, (byte) 0);
    }

    private static byte[] make(short octets) {
        return JCSystem.makeTransientByteArray(octets, JCSystem.CLEAR_ON_RESET);
    }
}
