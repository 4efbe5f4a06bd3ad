package svgate.applet;

/** A price that the gateway offers: its subscriber sees it, and agrees or not. */
final class Offer {
    private final Ram ram;
    private final Profile profile;
    private final Screen screen;
    private final Terminal terminal;
    private final Checkout checkout;

    Offer(Ram ram, Profile profile, Screen screen, Terminal terminal, Checkout checkout) {
        this.ram = ram;
        this.profile = profile;
        this.screen = screen;
        this.terminal = terminal;
        this.checkout = checkout;
    }

    /** By the table of verbs of the order, in the card's own currency: no other can be shown. */
    boolean isValid(short data, short length) {
        byte[] packet = ram.packet;
        if (!Tlv.has(packet, data, length, Tlv.VERB, (short) 1, (short) 1)
                || Tlv.lacks(packet, data, length, Tlv.AMOUNT)
                || !Tlv.has(packet, data, length, Tlv.CURRENCY, (short) 2, (short) 2)
                || !Receipts.isTextOrAbsent(packet, data, length)) {
            return false;
        }
        short currency = Tlv.value(packet, data, length, Tlv.CURRENCY);
        if (!Amount.isAmount(packet, Tlv.value(packet, data, length, Tlv.AMOUNT))
                || Octets.compare(packet, currency, profile.currency, (short) 0, (short) 2) != 0) {
            return false;
        }
        switch (packet[Tlv.value(packet, data, length, Tlv.VERB)]) {
            case Order.BUY:
                return hasShortCode(data, length)
                        && hasItem(data, length)
                        && Tlv.lacks(packet, data, length, Tlv.PON);
            case Order.PAY:
                return hasShortCode(data, length)
                        && Tlv.lacks(packet, data, length, Tlv.ITEM)
                        && Tlv.lacks(packet, data, length, Tlv.QUANTITY)
                        && Tlv.lacks(packet, data, length, Tlv.PON);
            case Order.PAY_ORDER:
                boolean named =
                        Tlv.lacks(packet, data, length, Tlv.SHORT_CODE)
                                || hasShortCode(data, length);
                return named
                        && hasPon(data, length)
                        && Tlv.lacks(packet, data, length, Tlv.ITEM)
                        && Tlv.lacks(packet, data, length, Tlv.QUANTITY);
            default:
                return false;
        }
    }

    /** Shows a valid offer, its text first, and lets the subscriber order at its price. */
    void show(short data, short length) {
        byte[] packet = ram.packet;
        short text = Tlv.value(packet, data, length, Tlv.TEXT);
        if (text != Tlv.ABSENT && Tlv.length(packet, text) > 1) {
            short octets = (short) (Tlv.length(packet, text) - 1);
            short shown = screen.coded((short) 0, packet, (short) (text + 1), octets);
            if (terminal.show(packet[text], shown) != Terminal.DONE) {
                return;
            }
        }
        byte[] order = ram.order;
        short at = Order.begin(order, packet[Tlv.value(packet, data, length, Tlv.VERB)]);
        at = Order.copy(order, at, packet, data, length, Tlv.SHORT_CODE);
        at = Order.copy(order, at, packet, data, length, Tlv.ITEM);
        at = Order.copy(order, at, packet, data, length, Tlv.QUANTITY);
        Amount.load(packet, Tlv.value(packet, data, length, Tlv.AMOUNT), ram.sums);
        at = Order.amount(order, at, ram.sums, profile.currency, Order.AS_SHOWN);
        at = Order.copy(order, at, packet, data, length, Tlv.PON);
        checkout.run(at, false);
    }

    private boolean hasShortCode(short data, short length) {
        return Tlv.has(ram.packet, data, length, Tlv.SHORT_CODE, (short) 3, (short) 3)
                && Order.isShortCode(
                        ram.packet, Tlv.value(ram.packet, data, length, Tlv.SHORT_CODE));
    }

    private boolean hasItem(short data, short length) {
        byte[] packet = ram.packet;
        short item = Tlv.value(packet, data, length, Tlv.ITEM);
        if (item == Tlv.ABSENT
                || !Order.isItem(packet, item, Tlv.length(packet, item))
                || !Tlv.has(packet, data, length, Tlv.QUANTITY, (short) 1, (short) 1)) {
            return false;
        }
        byte quantity = packet[Tlv.value(packet, data, length, Tlv.QUANTITY)];
        return quantity >= 1 && quantity <= Order.QUANTITY_MAX;
    }

    private boolean hasPon(short data, short length) {
        return Tlv.has(ram.packet, data, length, Tlv.PON, (short) 4, (short) 4)
                && Order.isPon(ram.packet, Tlv.value(ram.packet, data, length, Tlv.PON));
    }
}
