package svgate.applet;

import javacard.framework.Util;

/** Asks for an order, entry by entry; a wrong entry is shown and asked for again. */
final class OrderForm {
    private static final short AT_SHORT_CODE = 0;
    private static final short AT_ITEM = 1;
    private static final short AT_QUANTITY = 2;
    private static final short AT_MOST = 3;
    private static final short AT_CHECKOUT = 4;
    private static final short AT_PON = 5;
    private static final short AT_PON_MOST = 6;
    private static final short AT_PON_CHECKOUT = 7;

    /** Where elements begin: after version and verb, after a short code as well. */
    private static final short AFTER_VERB = 4;

    private static final short AFTER_SHORT_CODE = 9;

    /** Currency and amount kind, which follow the amount. */
    private static final short AFTER_AMOUNT = 7;

    private static final short PON_ELEMENT = 6;
    private static final short AMOUNT_TYPED_MAX = 13;

    private final Ram ram;
    private final Profile profile;
    private final Screen screen;
    private final Terminal terminal;
    private final Checkout checkout;

    OrderForm(Ram ram, Profile profile, Screen screen, Terminal terminal, Checkout checkout) {
        this.ram = ram;
        this.profile = profile;
        this.screen = screen;
        this.terminal = terminal;
        this.checkout = checkout;
    }

    /** An item of a terminal: short code, item, quantity, and the most it may cost. */
    short buy() {
        return fill(Order.BUY, AT_SHORT_CODE);
    }

    /** A payment order by its number, and the most it may cost. */
    short payNumber() {
        return fill(Order.PAY_ORDER, AT_PON);
    }

    private short fill(byte verb, short first) {
        Ram.wipe(ram.order);
        Order.begin(ram.order, verb);
        short step = first;
        while (step >= first) {
            Ram.wipe(ram.entry);
            short end = take(step);
            if (end == Terminal.END) {
                return Terminal.END;
            }
            if (end == Terminal.BACK) {
                step--;
            } else if (end > 0) {
                step++;
            } else if (sayWrong() == Terminal.END) {
                return Terminal.END;
            }
        }
        return Terminal.BACK;
    }

    /** One step: where its element ends, 0 when the entry is none, else back or the end. */
    private short take(short step) {
        byte[] order = ram.order;
        byte[] entry = ram.entry;
        short typed;
        switch (step) {
            case AT_SHORT_CODE:
                typed = terminal.askDigits(Texts.ASK_SHORT_CODE, (short) 3, (short) 5);
                return typed < 0 ? typed : Order.typedShortCode(order, AFTER_VERB, entry, typed);
            case AT_ITEM:
                typed = terminal.askText(Texts.ASK_ITEM, (short) 1, Order.ITEM_OCTETS_MAX);
                return typed < 0 ? typed : Order.typedItem(order, AFTER_SHORT_CODE, entry, typed);
            case AT_QUANTITY:
                typed = terminal.askDigits(Texts.ASK_QUANTITY, (short) 1, (short) 2);
                return typed < 0 ? typed : Order.typedQuantity(order, afterItem(), entry, typed);
            case AT_MOST:
                return askMost((short) (afterItem() + 3));
            case AT_CHECKOUT:
                return checkout.run(afterAmount((short) (afterItem() + 3)), false);
            case AT_PON:
                // Behind the amount in the order, and typed before it: kept where packets are made.
                typed = terminal.askDigits(Texts.ASK_PON, (short) 8, (short) 8);
                return typed < 0 ? typed : Order.typedPon(ram.packet, (short) 0, entry, typed);
            case AT_PON_MOST:
                return askMost(AFTER_VERB);
            case AT_PON_CHECKOUT:
                short end = afterAmount(AFTER_VERB);
                Util.arrayCopyNonAtomic(ram.packet, (short) 0, order, end, PON_ELEMENT);
                return checkout.run((short) (end + PON_ELEMENT), false);
            default:
                return Terminal.END;
        }
    }

    private short askMost(short at) {
        short typed = terminal.askText(Texts.ASK_MOST, (short) 1, AMOUNT_TYPED_MAX);
        if (typed < 0) {
            return typed;
        }
        if (!Amount.read(ram.entry, (short) 0, typed, profile.exponent, ram.sums)) {
            return 0;
        }
        return Order.amount(ram.order, at, ram.sums, profile.currency, Order.MOST_ALLOWED);
    }

    private short afterItem() {
        return (short) (AFTER_SHORT_CODE + 2 + ram.order[(short) (AFTER_SHORT_CODE + 1)]);
    }

    private short afterAmount(short at) {
        return (short) (at + 2 + ram.order[(short) (at + 1)] + AFTER_AMOUNT);
    }

    /** Shows what was typed, as far as it is letters, digits and points. */
    private short sayWrong() {
        short at = screen.character(screen.text((short) 0, Texts.WRONG), (byte) ' ');
        for (short i = 0; i < Ram.ENTRY_OCTETS && ram.entry[i] != 0; i++) {
            byte typed = ram.entry[i];
            boolean letter = (typed >= 'A' && typed <= 'Z') || (typed >= 'a' && typed <= 'z');
            boolean point = typed == '.' || typed == ',' || typed == '*';
            boolean shown = letter || point || (typed >= '0' && typed <= '9');
            at = screen.character(at, shown ? typed : (byte) '?');
        }
        return terminal.show(at);
    }
}
