package svgate.applet;

import uicc.toolkit.TerminalProfile;
import uicc.toolkit.ToolkitConstants;
import uicc.toolkit.ToolkitException;
import uicc.toolkit.ToolkitRegistry;

/** The applet's line in the card's menu: there only where the phone can do what it leads to. */
final class MenuEntry {
    /** Bits of TERMINAL PROFILE, b1 of octet 1 being 0: TS 102 223 §5.2. */
    private static final short DISPLAY_TEXT = 16;

    private static final short GET_INPUT = 18;
    private static final short SELECT_ITEM = 24;
    private static final short SEND_SHORT_MESSAGE = 25;
    private static final short SEND_USSD = 27;

    private final Ram ram;
    private final Profile profile;
    private final Texts texts;
    private final Terminal terminal;
    private ToolkitRegistry registry;
    private byte identifier;

    MenuEntry(Ram ram, Profile profile, Texts texts, Terminal terminal) {
        this.ram = ram;
        this.profile = profile;
        this.texts = texts;
        this.terminal = terminal;
    }

    /** Registers for the applet's events: at install, once the applet itself is registered. */
    void register(ToolkitRegistry own) {
        registry = own;
        own.setEvent(ToolkitConstants.EVENT_PROFILE_DOWNLOAD);
        own.setEvent(ToolkitConstants.EVENT_UNFORMATTED_SMS_PP_ENV);
        // The text is personalised later, in place of blanks as long as it may become.
        for (short i = 0; i < Texts.OCTETS_MAX; i++) {
            ram.screen[i] = ' ';
        }
        identifier =
                own.initMenuEntry(
                        ram.screen,
                        (short) 0,
                        Texts.OCTETS_MAX,
                        ToolkitConstants.PRO_CMD_SELECT_ITEM,
                        false,
                        (byte) 0,
                        (short) 0);
        own.disableMenuEntry(identifier);
    }

    /** Takes the text of the language now spoken. */
    void rename() {
        if (profile.personalised == 0) {
            return;
        }
        try {
            short length = terminal.alpha(texts.language(), Texts.MENU);
            registry.changeMenuEntry(
                    identifier,
                    ram.screen,
                    (short) 0,
                    length,
                    ToolkitConstants.PRO_CMD_SELECT_ITEM,
                    false,
                    (byte) 0,
                    (short) 0);
        } catch (ToolkitException tooLong) {
            // A card with less room keeps the text it has.
            return;
        }
    }

    /** Shows or hides the entry by what the phone has said it can do. */
    void offer() {
        short send = profile.bearer == Profile.BEARER_USSD ? SEND_USSD : SEND_SHORT_MESSAGE;
        boolean able = profile.personalised != 0;
        try {
            able =
                    able
                            && TerminalProfile.check(DISPLAY_TEXT)
                            && TerminalProfile.check(GET_INPUT)
                            && TerminalProfile.check(SELECT_ITEM)
                            && TerminalProfile.check(send);
        } catch (ToolkitException unknown) {
            able = false;
        }
        if (able) {
            rename();
            registry.enableMenuEntry(identifier);
        } else {
            registry.disableMenuEntry(identifier);
        }
    }
}
