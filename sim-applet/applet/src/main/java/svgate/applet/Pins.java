package svgate.applet;

import javacard.framework.OwnerPIN;
import javacard.framework.Util;

/**
 * The subscriber's PIN and its PUK. A try is used up before the digits are compared, and no torn
 * card gives it back; the digits are in {@link Ram#entry} only, and wiped at once.
 */
final class Pins {
    static final short DIGITS_MIN = 4;
    static final short DIGITS_MAX = 8;
    static final short PUK_DIGITS = 8;

    private static final byte PIN_TRIES = 3;
    private static final byte PUK_TRIES = 10;

    private final Ram ram;
    private final Terminal terminal;
    private final OwnerPIN pin;
    private final OwnerPIN puk;
    private byte known;
    private byte pukKnown;

    Pins(Ram ram, Terminal terminal) {
        this.ram = ram;
        this.terminal = terminal;
        pin = new OwnerPIN(PIN_TRIES, (byte) DIGITS_MAX);
        puk = new OwnerPIN(PUK_TRIES, (byte) PUK_DIGITS);
    }

    boolean known() {
        return known != 0;
    }

    /** Sets the PIN, with all its tries: inside a transaction. */
    void set(byte[] digits, short at, short length) {
        pin.update(digits, at, (byte) length);
        known = 1;
    }

    /** Sets the PUK: inside a transaction. */
    void setPuk(byte[] digits, short at) {
        puk.update(digits, at, (byte) PUK_DIGITS);
        pukKnown = 1;
    }

    /** Gives all tries back. No transaction would undo it, so it comes after its commit. */
    void unblock() {
        pin.resetAndUnblock();
    }

    /** Asks for the PIN until it is right, the subscriber leaves, or no try is left. */
    short verify() {
        while (pin.getTriesRemaining() != 0) {
            short typed = terminal.askHidden(Texts.ASK_PIN, DIGITS_MIN, DIGITS_MAX, (short) 0);
            if (typed < 0) {
                return typed;
            }
            boolean right = pin.check(ram.entry, (short) 0, (byte) typed);
            pin.reset();
            Ram.wipe(ram.entry);
            if (right) {
                return Terminal.DONE;
            }
            short left = terminal.say(Texts.WRONG);
            if (left != Terminal.DONE) {
                return left;
            }
        }
        return unblockByPuk();
    }

    /** The old PIN, then the new one twice. */
    short change() {
        short result = verify();
        return result == Terminal.DONE ? renew() : result;
    }

    private short unblockByPuk() {
        short told = terminal.say(Texts.BLOCKED);
        if (told != Terminal.DONE || pukKnown == 0 || puk.getTriesRemaining() == 0) {
            return Terminal.END;
        }
        short typed = terminal.askHidden(Texts.ASK_PUK, PUK_DIGITS, PUK_DIGITS, (short) 0);
        if (typed < 0) {
            return typed;
        }
        boolean right = puk.check(ram.entry, (short) 0, (byte) typed);
        puk.reset();
        Ram.wipe(ram.entry);
        if (!right) {
            terminal.say(Texts.WRONG);
            return Terminal.END;
        }
        // What was asked for before the PIN was blocked is begun anew.
        renew();
        return Terminal.END;
    }

    private short renew() {
        short first = terminal.askHidden(Texts.ASK_NEW_PIN, DIGITS_MIN, DIGITS_MAX, (short) 0);
        if (first < 0) {
            Ram.wipe(ram.entry);
            return first;
        }
        short second =
                terminal.askHidden(Texts.ASK_NEW_PIN_AGAIN, DIGITS_MIN, DIGITS_MAX, DIGITS_MAX);
        boolean same =
                first == second
                        && Util.arrayCompare(ram.entry, (short) 0, ram.entry, DIGITS_MAX, first)
                                == 0;
        if (same && areDigits(ram.entry, (short) 0, first)) {
            pin.update(ram.entry, (short) 0, (byte) first);
            Ram.wipe(ram.entry);
            return terminal.say(Texts.DONE);
        }
        Ram.wipe(ram.entry);
        return second < 0 ? second : terminal.say(Texts.WRONG);
    }

    static boolean areDigits(byte[] octets, short at, short length) {
        short end = (short) (at + length);
        for (short i = at; i < end; i++) {
            if (octets[i] < '0' || octets[i] > '9') {
                return false;
            }
        }
        return true;
    }
}
