package svgate.card;

import javacard.framework.OwnerPIN;
import javacard.security.Key;

import java.lang.reflect.Field;

/** What no reader of a card can see, and a test must. */
final class Inside {
    private final Rig rig;

    private Inside(Rig rig) {
        this.rig = rig;
    }

    static Inside of(Rig rig) {
        return new Inside(rig);
    }

    /** How many tries the PIN has left. */
    int tries() {
        return pin().getTriesRemaining();
    }

    /** The digits of the PIN. */
    String digits() {
        byte[] digits = (byte[]) field(pin(), "pin");
        return new String(digits, 0, (int) field(pin(), "length"));
    }

    boolean hasTransportKeys() {
        Object transport = field(rig.card.applet(), "transport");
        Key kic = (Key) field(transport, "kic");
        Key kid = (Key) field(transport, "kid");
        return kic.isInitialized() || kid.isInitialized();
    }

    /** Sets the counter of the orders' newer keys, which no command can. */
    void setCounter(long counter) {
        Object keys = field(rig.card.applet(), "keys");
        byte newer = (byte) field(keys, "newer");
        Object record = ((Object[]) field(keys, "orders"))[newer];
        System.arraycopy(Rig.number(counter, 5), 0, (byte[]) field(record, "counter"), 0, 5);
    }

    private OwnerPIN pin() {
        return (OwnerPIN) field(field(field(rig.card.applet(), "menu"), "pins"), "pin");
    }

    private static Object field(Object owner, String name) {
        try {
            Field field = owner.getClass().getDeclaredField(name);
            field.setAccessible(true);
            return field.get(owner);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }
}
