package svgate.card;

import uicc.toolkit.EnvelopeHandler;
import uicc.toolkit.ProactiveHandler;
import uicc.toolkit.ProactiveResponseHandler;
import uicc.toolkit.ToolkitConstants;
import uicc.toolkit.ToolkitException;
import uicc.toolkit.ToolkitInterface;
import uicc.toolkit.ToolkitRegistry;

import java.util.Arrays;

/**
 * The card's toolkit framework, ETSI TS 102 241 and TS 102 223: one applet, its events, its menu
 * entry, and the proactive commands it sends to a {@link Phone}.
 */
public final class Usat {
    private static final byte TAG_COMMAND_DETAILS = (byte) 0x81;
    private static final byte TAG_DEVICE_IDENTITIES = (byte) 0x82;
    private static final byte TAG_RESULT = 0x03;
    private static final byte TAG_RESPONSE_LENGTH = (byte) 0x91;
    private static final byte DEV_ID_UICC = (byte) 0x81;
    private static final byte PRO_CMD_SET_UP_MENU = 0x25;
    private static final byte PRO_CMD_GET_INKEY = 0x22;

    private final Card card;
    private final Registry registry = new Registry();
    private final Proactive proactive = new Proactive();
    private final Response response = new Response();
    private final Envelope envelope = new Envelope();
    private byte[] terminalProfile = new byte[0];
    private boolean inEvent;
    private Phone phone;

    Usat(Card card) {
        this.card = card;
    }

    /** Who answers the proactive commands from now on. */
    public void attach(Phone newPhone) {
        phone = newPhone;
    }

    /** The entry of the applet, once it is registered. */
    public ToolkitRegistry registry() {
        if (!card.isRegistered()) {
            ToolkitException.throwIt(ToolkitException.REGISTRY_ERROR);
        }
        return registry;
    }

    public ProactiveHandler proactiveHandler() {
        requireEvent();
        return proactive;
    }

    public ProactiveResponseHandler responseHandler() {
        requireEvent();
        return response;
    }

    public EnvelopeHandler envelopeHandler() {
        requireEvent();
        return envelope;
    }

    public boolean terminalCan(short index) {
        if (terminalProfile.length == 0) {
            ToolkitException.throwIt(ToolkitException.TERMINAL_PROFILE_NOT_AVAILABLE);
        }
        int octet = index / 8;
        return octet < terminalProfile.length && (terminalProfile[octet] >> index % 8 & 1) != 0;
    }

    /** TERMINAL PROFILE. */
    public void profileDownload(byte[] profile) {
        terminalProfile = profile.clone();
        trigger(ToolkitConstants.EVENT_PROFILE_DOWNLOAD, (byte) 0, new byte[0]);
    }

    /** ENVELOPE (MENU SELECTION), when the entry is there to be selected. */
    public boolean menuSelection(byte item) {
        if (!registry.enabled || item != Registry.ENTRY) {
            return false;
        }
        byte[] list = {
            TAG_DEVICE_IDENTITIES, 2, 0x01, DEV_ID_UICC, (byte) 0x90, 1, item,
        };
        trigger(ToolkitConstants.EVENT_MENU_SELECTION, (byte) 0xD3, list);
        return true;
    }

    /** ENVELOPE (SMS-PP DOWNLOAD) of a whole SMS-DELIVER. */
    public void smsPpDownload(byte[] tpdu) {
        byte[] devices = {TAG_DEVICE_IDENTITIES, 2, (byte) 0x83, DEV_ID_UICC};
        byte[] list =
                TlvList.join(
                        devices,
                        TlvList.withLength((byte) (ToolkitConstants.TAG_SMS_TPDU | 0x80), tpdu));
        trigger(ToolkitConstants.EVENT_UNFORMATTED_SMS_PP_ENV, (byte) 0xD1, list);
    }

    /** The elements of an ENVELOPE that came as an APDU. */
    void envelope(byte tag, byte[] list) {
        switch (tag) {
            case (byte) 0xD1 -> trigger(ToolkitConstants.EVENT_UNFORMATTED_SMS_PP_ENV, tag, list);
            case (byte) 0xD3 -> {
                if (registry.enabled) {
                    trigger(ToolkitConstants.EVENT_MENU_SELECTION, tag, list);
                }
            }
            default -> {}
        }
    }

    public boolean menuEntryShown() {
        return registry.enabled;
    }

    public byte[] menuEntry() {
        return registry.entry.clone();
    }

    /** SET UP MENU with the entry, or with none. */
    byte[] setUpMenu() {
        registry.changed = false;
        TlvList list = new TlvList();
        list.appendTLV(TAG_COMMAND_DETAILS, (byte) 1, (short) (PRO_CMD_SET_UP_MENU << 8));
        list.appendTLV(TAG_DEVICE_IDENTITIES, DEV_ID_UICC, ToolkitConstants.DEV_ID_TERMINAL);
        byte[] title = registry.enabled ? registry.entry : new byte[0];
        list.appendTLV((byte) 0x85, title, (short) 0, (short) title.length);
        if (registry.enabled) {
            list.appendTLV((byte) 0x8F, Registry.ENTRY, title, (short) 0, (short) title.length);
        } else {
            list.appendTLV((byte) 0x8F, new byte[0], (short) 0, (short) 0);
        }
        return TlvList.withLength((byte) 0xD0, list.octets());
    }

    boolean menuChanged() {
        return registry.changed;
    }

    void reset() {
        terminalProfile = new byte[0];
        inEvent = false;
    }

    private void trigger(short event, byte tag, byte[] list) {
        if (!card.isInstalled() || !registry.isEventSet(event)) {
            return;
        }
        envelope.tag = tag;
        envelope.load(list);
        inEvent = true;
        try {
            card.run(() -> applet().processToolkit(event));
        } finally {
            inEvent = false;
        }
    }

    private ToolkitInterface applet() {
        return (ToolkitInterface) card.applet().getShareableInterfaceObject(null, (byte) 1);
    }

    private void requireEvent() {
        if (!inEvent) {
            ToolkitException.throwIt(ToolkitException.HANDLER_NOT_AVAILABLE);
        }
    }

    private static final class Registry implements ToolkitRegistry {
        static final byte ENTRY = 1;

        private final boolean[] events = new boolean[64];
        private byte[] entry = new byte[0];
        private int room;
        private boolean enabled;
        private boolean changed;

        @Override
        public void setEvent(short event) {
            events[event] = true;
        }

        @Override
        public void clearEvent(short event) {
            events[event] = false;
        }

        @Override
        public boolean isEventSet(short event) {
            return events[event];
        }

        @Override
        public byte initMenuEntry(
                byte[] text, short at, short length, byte next, boolean help, byte q, short icon) {
            events[ToolkitConstants.EVENT_MENU_SELECTION] = true;
            room = length;
            enabled = true;
            put(text, at, length);
            return ENTRY;
        }

        @Override
        public void changeMenuEntry(
                byte id,
                byte[] text,
                short at,
                short length,
                byte next,
                boolean help,
                byte q,
                short icon) {
            if (id != ENTRY) {
                ToolkitException.throwIt(ToolkitException.MENU_ENTRY_NOT_FOUND);
            }
            if (length > room) {
                ToolkitException.throwIt(ToolkitException.ALLOWED_LENGTH_EXCEEDED);
            }
            put(text, at, length);
        }

        @Override
        public void enableMenuEntry(byte id) {
            changed |= !enabled;
            enabled = true;
        }

        @Override
        public void disableMenuEntry(byte id) {
            changed |= enabled;
            enabled = false;
        }

        private void put(byte[] text, short at, short length) {
            byte[] now = Arrays.copyOfRange(text, at, at + length);
            changed |= !Arrays.equals(entry, now);
            entry = now;
        }
    }

    private final class Proactive extends TlvList implements ProactiveHandler {
        @Override
        public void init(byte type, byte qualifier, byte destination) {
            clear();
            appendTLV(TAG_COMMAND_DETAILS, (byte) 1, (short) ((type << 8) | (qualifier & 0xFF)));
            appendTLV(TAG_DEVICE_IDENTITIES, DEV_ID_UICC, destination);
        }

        @Override
        public void initDisplayText(byte qualifier, byte dcs, byte[] text, short at, short length) {
            init(ToolkitConstants.PRO_CMD_DISPLAY_TEXT, qualifier, ToolkitConstants.DEV_ID_DISPLAY);
            text(dcs, text, at, length);
        }

        @Override
        public void initGetInkey(byte qualifier, byte dcs, byte[] text, short at, short length) {
            init(PRO_CMD_GET_INKEY, qualifier, ToolkitConstants.DEV_ID_TERMINAL);
            text(dcs, text, at, length);
        }

        @Override
        public void initGetInput(
                byte qualifier,
                byte dcs,
                byte[] text,
                short at,
                short length,
                short least,
                short most) {
            init(ToolkitConstants.PRO_CMD_GET_INPUT, qualifier, ToolkitConstants.DEV_ID_TERMINAL);
            text(dcs, text, at, length);
            appendTLV(TAG_RESPONSE_LENGTH, (byte) least, (byte) most);
        }

        @Override
        public byte send() {
            if (card.nvm().inTransaction()) {
                throw new IllegalStateException("a proactive command in a transaction");
            }
            response.load(phone.answer(withLength((byte) 0xD0, octets())));
            return response.getGeneralResult();
        }

        private void text(byte dcs, byte[] text, short at, short length) {
            appendTLV((byte) (ToolkitConstants.TAG_TEXT_STRING | 0x80), dcs, text, at, length);
        }
    }

    private static final class Response extends TlvList implements ProactiveResponseHandler {
        @Override
        public byte getGeneralResult() {
            select(TAG_RESULT);
            return getValueByte((short) 0);
        }

        @Override
        public short getAdditionalInformationLength() {
            select(TAG_RESULT);
            return (short) (getValueLength() - 1);
        }

        @Override
        public short copyAdditionalInformation(byte[] target, short at, short length) {
            select(TAG_RESULT);
            return copyValue((short) 1, target, at, length);
        }

        @Override
        public byte getItemIdentifier() {
            select(ToolkitConstants.TAG_ITEM_IDENTIFIER);
            return getValueByte((short) 0);
        }

        @Override
        public short getTextStringLength() {
            select(ToolkitConstants.TAG_TEXT_STRING);
            return (short) Math.max(0, getValueLength() - 1);
        }

        @Override
        public byte getTextStringCodingScheme() {
            select(ToolkitConstants.TAG_TEXT_STRING);
            return getValueByte((short) 0);
        }

        @Override
        public short copyTextString(byte[] target, short at) {
            return copyValue((short) 1, target, at, getTextStringLength());
        }

        private void select(byte tag) {
            if (findTLV(tag, (byte) 1) == ToolkitConstants.TLV_NOT_FOUND) {
                ToolkitException.throwIt(ToolkitException.UNAVAILABLE_ELEMENT);
            }
        }
    }

    private static final class Envelope extends TlvList implements EnvelopeHandler {
        private byte tag;

        @Override
        public byte getEnvelopeTag() {
            return tag;
        }

        @Override
        public byte getItemIdentifier() {
            if (findTLV(ToolkitConstants.TAG_ITEM_IDENTIFIER, (byte) 1)
                    == ToolkitConstants.TLV_NOT_FOUND) {
                ToolkitException.throwIt(ToolkitException.UNAVAILABLE_ELEMENT);
            }
            return getValueByte((short) 0);
        }
    }
}
