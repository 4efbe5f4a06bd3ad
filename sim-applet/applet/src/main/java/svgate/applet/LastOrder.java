package svgate.applet;

import javacard.framework.JCSystem;
import javacard.framework.Util;

/**
 * The card's last order, its number, and whether the network took it.
 *
 * <p>The counter of the keys and the reference of the order are raised, and the order is kept, in
 * one commit that is over <b>before</b> anything is sealed: a card torn later skips a number and
 * never uses one twice.
 */
final class LastOrder {
    static final short USED_UP = -1;

    private static final byte NONE = 0;
    private static final byte UNSENT = 1;
    private static final byte SENT = 2;

    private final byte[] octets;
    private final byte[] reference;
    private byte length;
    private byte state;

    LastOrder() {
        octets = new byte[Ram.ORDER_OCTETS];
        reference = new byte[Order.REFERENCE_OCTETS];
    }

    boolean exists() {
        return state != NONE;
    }

    boolean isUnsent() {
        return state == UNSENT;
    }

    /** Copies the order into {@link Ram#order} and gives its length with its reference. */
    short recall(Ram ram) {
        Util.arrayCopyNonAtomic(octets, (short) 0, ram.order, (short) 0, length);
        return length;
    }

    /** Whether {@code reference} was given to an order of this card. */
    boolean numbered(byte[] packet, short at) {
        return Octets.compare(packet, at, reference, (short) 0, Order.REFERENCE_OCTETS) <= 0;
    }

    /**
     * Commits the next counter, and for a new order its reference, which is written behind it.
     *
     * @param again the order is {@link #recall}ed, and goes out once more under its own reference
     * @return the length with the reference, or {@link #USED_UP}
     */
    short take(Ram ram, short orderLength, KeyRecord record, boolean again) {
        byte[] sums = ram.sums;
        short counterAt = Order.REFERENCE_OCTETS;
        Util.arrayCopyNonAtomic(
                record.counter, (short) 0, sums, counterAt, KeyRecord.COUNTER_OCTETS);
        Util.arrayCopyNonAtomic(reference, (short) 0, sums, (short) 0, Order.REFERENCE_OCTETS);
        if (!Octets.increment(sums, counterAt, KeyRecord.COUNTER_OCTETS)
                || (!again && !Octets.increment(sums, (short) 0, Order.REFERENCE_OCTETS))) {
            return USED_UP;
        }
        short whole = orderLength;
        if (!again) {
            whole =
                    Tlv.put(
                            ram.order,
                            orderLength,
                            Tlv.REFERENCE,
                            sums,
                            (short) 0,
                            Order.REFERENCE_OCTETS);
        }
        JCSystem.beginTransaction();
        Util.arrayCopy(sums, counterAt, record.counter, (short) 0, KeyRecord.COUNTER_OCTETS);
        Util.arrayCopy(sums, (short) 0, reference, (short) 0, Order.REFERENCE_OCTETS);
        Util.arrayCopy(ram.order, (short) 0, octets, (short) 0, whole);
        length = (byte) whole;
        state = UNSENT;
        JCSystem.commitTransaction();
        return whole;
    }

    /** The network took it. */
    void sent() {
        state = SENT;
    }
}
