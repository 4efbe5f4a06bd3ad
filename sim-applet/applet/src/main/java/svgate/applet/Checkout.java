package svgate.applet;

/** From the order on the screen to the order in the air: shown, agreed, proved, numbered, sent. */
final class Checkout {
    /** How often one order goes out in one sitting. */
    private static final short SENDINGS = 3;

    private final Ram ram;
    private final Profile profile;
    private final Screen screen;
    private final Terminal terminal;
    private final Pins pins;
    private final LastOrder last;
    private final KeyRing keys;
    private final Bearer bearer;

    Checkout(
            Ram ram,
            Profile profile,
            Screen screen,
            Terminal terminal,
            Pins pins,
            LastOrder last,
            KeyRing keys,
            Bearer bearer) {
        this.ram = ram;
        this.profile = profile;
        this.screen = screen;
        this.terminal = terminal;
        this.pins = pins;
        this.last = last;
        this.keys = keys;
        this.bearer = bearer;
    }

    /**
     * Lets the subscriber agree to the order in {@link Ram#order}, and sends it.
     *
     * @param again the order was sent before, and has its reference
     */
    short run(short length, boolean again) {
        short result = confirm(again ? Texts.NOT_SENT : Texts.CONFIRM, length);
        if (result == Terminal.DONE && demandsPin(length)) {
            result = pins.verify();
        }
        if (result != Terminal.DONE) {
            return result;
        }
        boolean numbered = again;
        short whole = length;
        for (short i = 0; i < SENDINGS; i++) {
            KeyRecord record = keys.orders();
            whole = last.take(ram, whole, record, numbered);
            if (whole == LastOrder.USED_UP) {
                terminal.say(Texts.REFUSED);
                return Terminal.END;
            }
            numbered = true;
            if (bearer.send(record, whole)) {
                last.sent();
                terminal.say(Texts.SENT);
                return Terminal.END;
            }
            if (confirm(Texts.NOT_SENT, whole) != Terminal.DONE) {
                return Terminal.END;
            }
        }
        return Terminal.END;
    }

    private short confirm(byte headline, short length) {
        return terminal.show(screen.order(screen.text((short) 0, headline), length));
    }

    private boolean demandsPin(short length) {
        if (profile.pinPolicy != Profile.PIN_ABOVE) {
            return profile.pinPolicy == Profile.PIN_ALWAYS;
        }
        Amount.load(ram.order, Tlv.value(ram.order, (short) 0, length, Tlv.AMOUNT), ram.sums);
        return Octets.compare(ram.sums, (short) 0, profile.pinAbove, (short) 0, Amount.OCTETS) > 0;
    }
}
