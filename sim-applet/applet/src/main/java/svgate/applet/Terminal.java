package svgate.applet;

import uicc.toolkit.EditHandler;
import uicc.toolkit.ProactiveHandler;
import uicc.toolkit.ProactiveHandlerSystem;
import uicc.toolkit.ProactiveResponseHandlerSystem;
import uicc.toolkit.ToolkitConstants;
import uicc.toolkit.ToolkitException;
import uicc.toolkit.ViewHandler;

/**
 * What the applet asks of the phone. Whatever the phone answers becomes one of three: done, one
 * step back, or the end.
 *
 * <p>A method that a handler inherits is called on the interface that declares it: not every CAP
 * converter finds it elsewhere.
 */
final class Terminal {
    static final short DONE = 0;
    static final short BACK = -1;
    static final short END = -2;

    private static final byte PERFORMED = 0x00;
    private static final byte BACKWARD = 0x11;

    /** High priority, and the subscriber clears the text. */
    private static final byte WAIT_FOR_USER = (byte) 0x81;

    private static final byte DIGITS = 0x00;
    private static final byte ALPHABET = 0x01;
    private static final byte HIDDEN = 0x04;

    /** How often an entry that is none is asked for again. */
    private static final short TRIES = 3;

    private final Ram ram;
    private final Texts texts;
    private final Screen screen;

    Terminal(Ram ram, Texts texts, Screen screen) {
        this.ram = ram;
        this.texts = texts;
        this.screen = screen;
    }

    /** Shows one of the card's texts. */
    short say(byte number) {
        return show(screen.text((short) 0, number));
    }

    /** Shows what was written on the screen, and waits for the subscriber to agree or not. */
    short show(short length) {
        return show(texts.coding(), length);
    }

    /** Shows what was written on the screen in a coding of its own. */
    short show(byte coding, short length) {
        if (length == Screen.FULL) {
            return END;
        }
        try {
            ProactiveHandler handler = ProactiveHandlerSystem.getTheHandler();
            handler.initDisplayText(WAIT_FOR_USER, coding, ram.screen, (short) 0, length);
            byte result = handler.send();
            // Only a plain "performed" is consent: 01 to 0F were shown in part, or not as asked.
            return result == PERFORMED ? DONE : otherwise(result);
        } catch (ToolkitException failed) {
            return END;
        }
    }

    /** Asks for digits. */
    short askDigits(byte number, short least, short most) {
        return ask(DIGITS, number, least, most, (short) 0);
    }

    /** Asks for letters, digits and points. */
    short askText(byte number, short least, short most) {
        return ask(ALPHABET, number, least, most, (short) 0);
    }

    /** Asks for a PIN, which is not shown; it stands at {@code at} in {@link Ram#entry}. */
    short askHidden(byte number, short least, short most, short at) {
        return ask((byte) (DIGITS | HIDDEN), number, least, most, at);
    }

    /** Begins a menu under a title. */
    ProactiveHandler menu(byte title) {
        ProactiveHandler handler = ProactiveHandlerSystem.getTheHandler();
        handler.init(
                ToolkitConstants.PRO_CMD_SELECT_ITEM, (byte) 0, ToolkitConstants.DEV_ID_TERMINAL);
        title(handler, title);
        return handler;
    }

    /** Adds a text of a language as an item; one that the card has no room for is left out. */
    void item(EditHandler handler, byte identifier, byte language, byte number) {
        short end = alpha(language, number);
        try {
            handler.appendTLV(
                    (byte) (ToolkitConstants.TAG_ITEM | ToolkitConstants.TAG_SET_CR),
                    identifier,
                    ram.screen,
                    (short) 0,
                    end);
        } catch (ToolkitException full) {
            return;
        }
    }

    /** Lets the subscriber choose: the item's identifier, or {@link #BACK} or {@link #END}. */
    short choose(ProactiveHandler handler) {
        byte result = handler.send();
        if ((result & 0xF0) != 0) {
            return otherwise(result);
        }
        return (short) (ProactiveResponseHandlerSystem.getTheHandler().getItemIdentifier() & 0xFF);
    }

    /** Writes a text as an alpha identifier: UCS2 after an octet 80, TS 102 221 Annex A. */
    short alpha(byte language, byte number) {
        short at = 0;
        if (texts.coding(language) == Texts.CODING_UCS2) {
            ram.screen[0] = (byte) 0x80;
            at = 1;
        }
        return texts.copy(language, number, ram.screen, at);
    }

    private void title(EditHandler handler, byte number) {
        short end = alpha(texts.language(), number);
        handler.appendTLV(
                (byte) (ToolkitConstants.TAG_ALPHA_IDENTIFIER | ToolkitConstants.TAG_SET_CR),
                ram.screen,
                (short) 0,
                end);
    }

    private short ask(byte qualifier, byte number, short least, short most, short at) {
        try {
            ProactiveHandler handler = ProactiveHandlerSystem.getTheHandler();
            for (short i = 0; i < TRIES; i++) {
                short length = screen.text((short) 0, number);
                handler.initGetInput(
                        qualifier, texts.coding(), ram.screen, (short) 0, length, least, most);
                byte result = handler.send();
                if ((result & 0xF0) != 0) {
                    return otherwise(result);
                }
                short typed = read(least, most, at);
                if (typed >= 0) {
                    return typed;
                }
            }
        } catch (ToolkitException failed) {
            return END;
        }
        return END;
    }

    /** Copies what was typed, when it has the length and the coding that was asked for. */
    private short read(short least, short most, short at) {
        ViewHandler response = ProactiveResponseHandlerSystem.getTheHandler();
        if (response.findTLV(ToolkitConstants.TAG_TEXT_STRING, (byte) 1)
                == ToolkitConstants.TLV_NOT_FOUND) {
            return -1;
        }
        // One octet of coding, then the text.
        short typed = (short) (response.getValueLength() - 1);
        if (typed < least || typed > most || typed < 1) {
            return -1;
        }
        if (response.getValueByte((short) 0) != ToolkitConstants.DCS_8_BIT_DATA) {
            return -1;
        }
        response.copyValue((short) 1, ram.entry, at, typed);
        return typed;
    }

    private static short otherwise(byte result) {
        return result == BACKWARD ? BACK : END;
    }
}
