package svgate.card;

/** The card was torn out: nothing an applet could catch, and nothing runs on. */
@SuppressWarnings("serial")
public final class PowerLost extends Error {
    public PowerLost() {
        super("power lost", null, false, false);
    }
}
