package svgate.applet;

import uicc.toolkit.ProactiveHandler;
import uicc.toolkit.ToolkitException;

/** What the subscriber can do. One step back is one step back; anything odd is the end. */
final class Menu {
    private static final byte BUY = 1;
    private static final byte PAY_NUMBER = 2;
    private static final byte REPEAT = 3;
    private static final byte RECEIPTS = 4;
    private static final byte LANGUAGE = 5;
    private static final byte CHANGE_PIN = 6;
    private static final byte SEND_AGAIN = 7;

    private final Ram ram;
    private final Texts texts;
    private final Terminal terminal;
    private final Pins pins;
    private final LastOrder last;
    private final Inbox inbox;
    private final OrderForm form;
    private final Checkout checkout;

    Menu(
            Ram ram,
            Texts texts,
            Terminal terminal,
            Pins pins,
            LastOrder last,
            Inbox inbox,
            OrderForm form,
            Checkout checkout) {
        this.ram = ram;
        this.texts = texts;
        this.terminal = terminal;
        this.pins = pins;
        this.last = last;
        this.inbox = inbox;
        this.form = form;
        this.checkout = checkout;
    }

    void run() {
        short result = Terminal.BACK;
        while (result == Terminal.BACK) {
            short choice = choose();
            if (choice < 0) {
                return;
            }
            result = follow(choice);
        }
    }

    private short choose() {
        try {
            ProactiveHandler handler = terminal.menu(Texts.MENU);
            byte language = texts.language();
            if (last.isUnsent()) {
                terminal.item(handler, SEND_AGAIN, language, Texts.SEND_AGAIN);
            }
            terminal.item(handler, BUY, language, Texts.BUY);
            terminal.item(handler, PAY_NUMBER, language, Texts.PAY_NUMBER);
            terminal.item(handler, REPEAT, language, Texts.REPEAT);
            terminal.item(handler, RECEIPTS, language, Texts.RECEIPTS);
            terminal.item(handler, LANGUAGE, language, Texts.LANGUAGE);
            if (pins.known()) {
                terminal.item(handler, CHANGE_PIN, language, Texts.CHANGE_PIN);
            }
            return terminal.choose(handler);
        } catch (ToolkitException failed) {
            return Terminal.END;
        }
    }

    private short follow(short choice) {
        switch (choice) {
            case BUY:
                return form.buy();
            case PAY_NUMBER:
                return form.payNumber();
            case REPEAT:
                return repeat();
            case RECEIPTS:
                return showReceipts();
            case LANGUAGE:
                return chooseLanguage();
            case CHANGE_PIN:
                return pins.known() ? pins.change() : Terminal.END;
            case SEND_AGAIN:
                return last.isUnsent() ? checkout.run(last.recall(ram), true) : Terminal.END;
            default:
                return Terminal.END;
        }
    }

    /** The same once more, as an order of its own: its old reference, the last element, goes. */
    private short repeat() {
        if (!last.exists()) {
            return nothing();
        }
        short length = last.recall(ram);
        return checkout.run((short) (length - 2 - Order.REFERENCE_OCTETS), false);
    }

    private short showReceipts() {
        for (short age = 0; age < Receipts.COUNT; age++) {
            short shown = inbox.show(age);
            if (shown == Inbox.NO_RECEIPT) {
                return age == 0 ? nothing() : Terminal.BACK;
            }
            if (shown != Terminal.DONE) {
                return shown;
            }
        }
        return Terminal.BACK;
    }

    private short chooseLanguage() {
        try {
            ProactiveHandler handler = terminal.menu(Texts.LANGUAGE);
            for (byte of = 0; of < Texts.LANGUAGES; of++) {
                if (texts.knows(of)) {
                    terminal.item(handler, (byte) (of + 1), of, Texts.NAME);
                }
            }
            short chosen = terminal.choose(handler);
            if (chosen < 0) {
                return chosen;
            }
            byte language = (byte) (chosen - 1);
            if (chosen > Texts.LANGUAGES || chosen == 0 || !texts.knows(language)) {
                return Terminal.END;
            }
            texts.speak(language);
            return Terminal.BACK;
        } catch (ToolkitException failed) {
            return Terminal.END;
        }
    }

    private short nothing() {
        short told = terminal.say(Texts.NOTHING);
        return told == Terminal.DONE ? Terminal.BACK : told;
    }
}
