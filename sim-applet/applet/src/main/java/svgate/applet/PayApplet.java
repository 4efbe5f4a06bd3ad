package svgate.applet;

import javacard.framework.AID;
import javacard.framework.APDU;
import javacard.framework.Applet;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.Shareable;
import javacard.framework.Util;

import uicc.toolkit.EnvelopeHandlerSystem;
import uicc.toolkit.ToolkitConstants;
import uicc.toolkit.ToolkitException;
import uicc.toolkit.ToolkitInterface;
import uicc.toolkit.ToolkitRegistrySystem;
import uicc.toolkit.ViewHandler;

/**
 * The applet: puts its parts together at install, and leads each event to one of them.
 *
 * <pre>
 * menu selection ──► Menu ──► OrderForm ──► Checkout ──► LastOrder.take ──► Bearer.send
 * SMS-PP download ──► Inbox ──► receipt, or Commands ──► Offer ──► Checkout
 * 80 E2 (transport keys) ──► Commands      80 CA ──► state, no secret
 * </pre>
 */
public final class PayApplet extends Applet implements ToolkitInterface {
    private static final byte CLA = (byte) 0x80;
    private static final byte INS_STORE_DATA = (byte) 0xE2;
    private static final byte INS_GET_DATA = (byte) 0xCA;
    private static final short STATE_OCTETS = 4;
    private static final byte VERSION = 0x01;

    /** The transport keys in the parameters of install: KIc, then KID. */
    private static final short TRANSPORT_OCTETS = 32;

    private static final byte TRANSPORT_KEY_OCTET = (byte) 0xF2;
    private static final byte TRANSPORT_LEVEL = 0x16;
    private static final byte TRANSPORT_CC = 8;

    private static final short SW_BAD_PACKET = 0x6988;
    private static final short SW_CARRIED_OUT_BEFORE = 0x6984;

    private final Ram ram;
    private final Profile profile;
    private final KeyRecord transport;
    private final CommandPacket packets;
    private final KeyRing keys;
    private final Cmac cmac;
    private final Texts texts;
    private final Terminal terminal;
    private final Inbox inbox;
    private final Commands commands;
    private final Menu menu;
    private final MenuEntry entry;

    private PayApplet(byte[] parameters, short transportAt) {
        ram = new Ram();
        profile = new Profile();
        keys = new KeyRing();
        cmac = new Cmac();
        packets = new CommandPacket(cmac);
        transport = new KeyRecord();
        transport.kicOctet = TRANSPORT_KEY_OCTET;
        transport.kidOctet = TRANSPORT_KEY_OCTET;
        transport.spi = TRANSPORT_LEVEL;
        transport.ccOctets = TRANSPORT_CC;
        transport.tar[0] = (byte) 0xB0;
        transport.kic.setKey(parameters, transportAt);
        transport.kid.setKey(parameters, (short) (transportAt + KeyRing.KEY_OCTETS));

        texts = new Texts();
        Screen screen = new Screen(ram, texts, profile);
        terminal = new Terminal(ram, texts, screen);
        Pins pins = new Pins(ram, terminal);
        LastOrder last = new LastOrder();
        Receipts receipts = new Receipts();
        Bearer bearer = new Bearer(ram, profile, texts, packets, cmac);
        Checkout checkout = new Checkout(ram, profile, screen, terminal, pins, last, keys, bearer);
        Offer offer = new Offer(ram, profile, screen, terminal, checkout);
        OrderForm form = new OrderForm(ram, profile, screen, terminal, checkout);
        entry = new MenuEntry(ram, profile, texts, terminal);
        commands = new Commands(ram, profile, texts, pins, keys, packets, offer, entry);
        inbox = new Inbox(ram, profile, screen, terminal, keys, packets, last, receipts, commands);
        menu = new Menu(ram, texts, terminal, pins, last, inbox, form, checkout);
    }

    /**
     * Installs the applet: {@code | AID length | AID | privileges length | privileges | parameters
     * length | parameters |}, the parameters ending with the card's transport keys.
     */
    public static void install(byte[] parameters, short offset, byte length) {
        short aid = offset;
        short privileges = (short) (aid + 1 + (parameters[aid] & 0xFF));
        short own = (short) (privileges + 1 + (parameters[privileges] & 0xFF));
        short ownLength = (short) (parameters[own] & 0xFF);
        short end = (short) (own + 1 + ownLength);
        if (ownLength < TRANSPORT_OCTETS || end > (short) (offset + (length & 0xFF))) {
            ISOException.throwIt(ISO7816.SW_WRONG_DATA);
        }
        PayApplet applet = new PayApplet(parameters, (short) (end - TRANSPORT_OCTETS));
        applet.register(parameters, (short) (aid + 1), parameters[aid]);
        applet.entry.register(ToolkitRegistrySystem.getEntry());
    }

    @Override
    public Shareable getShareableInterfaceObject(AID client, byte parameter) {
        // The card's toolkit framework asks with no client and 1: TS 102 241.
        return client == null && parameter == (byte) 1 ? this : null;
    }

    @Override
    public void process(APDU apdu) {
        if (selectingApplet()) {
            return;
        }
        byte[] buffer = apdu.getBuffer();
        if (buffer[ISO7816.OFFSET_CLA] != CLA) {
            ISOException.throwIt(ISO7816.SW_CLA_NOT_SUPPORTED);
        }
        switch (buffer[ISO7816.OFFSET_INS]) {
            case INS_STORE_DATA:
                personalise(apdu);
                break;
            case INS_GET_DATA:
                tellState(apdu);
                break;
            default:
                ISOException.throwIt(ISO7816.SW_INS_NOT_SUPPORTED);
        }
    }

    @Override
    public void processToolkit(short event) throws ToolkitException {
        switch (event) {
            case ToolkitConstants.EVENT_PROFILE_DOWNLOAD:
                forgetTransportKeys();
                entry.offer();
                break;
            case ToolkitConstants.EVENT_MENU_SELECTION:
                openMenu();
                break;
            case ToolkitConstants.EVENT_UNFORMATTED_SMS_PP_ENV:
                if (profile.personalised != 0) {
                    receive();
                }
                break;
            default:
                break;
        }
        ram.wipe();
        cmac.wipe();
    }

    private void openMenu() {
        if (profile.personalised == 0) {
            return;
        }
        if (profile.locked != 0) {
            terminal.say(Texts.LOCKED);
            return;
        }
        byte before = texts.language();
        menu.run();
        if (texts.language() != before) {
            entry.rename();
        }
    }

    /** One command of personalisation, sealed under the transport keys. */
    private void personalise(APDU apdu) {
        if (profile.personalised != 0) {
            ISOException.throwIt(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
        byte[] buffer = apdu.getBuffer();
        short length = apdu.setIncomingAndReceive();
        if (length > Ram.PACKET_OCTETS) {
            ISOException.throwIt(ISO7816.SW_WRONG_LENGTH);
        }
        Util.arrayCopyNonAtomic(buffer, ISO7816.OFFSET_CDATA, ram.packet, (short) 0, length);
        short opened = packets.open(transport, ram.packet, (short) 0, length);
        boolean done = false;
        if (opened > 0) {
            short data = packets.dataAt(transport, (short) 0);
            done = commands.carryOut(transport, (short) 0, data, opened);
        }
        ram.wipe();
        cmac.wipe();
        if (opened == CommandPacket.COUNTER_LOW) {
            ISOException.throwIt(SW_CARRIED_OUT_BEFORE);
        }
        if (opened <= 0) {
            ISOException.throwIt(SW_BAD_PACKET);
        }
        if (!done) {
            ISOException.throwIt(ISO7816.SW_WRONG_DATA);
        }
        forgetTransportKeys();
    }

    /**
     * Once personalisation is over nothing is taken under the transport keys; a card torn before
     * they are gone loses them when a phone is next switched on.
     */
    private void forgetTransportKeys() {
        if (profile.personalised == 0) {
            return;
        }
        if (transport.kic.isInitialized()) {
            transport.kic.clearKey();
        }
        if (transport.kid.isInitialized()) {
            transport.kid.clearKey();
        }
    }

    private void tellState(APDU apdu) {
        byte[] buffer = apdu.getBuffer();
        buffer[0] = VERSION;
        buffer[1] = profile.personalised;
        buffer[2] = profile.locked;
        buffer[3] = keys.version();
        apdu.setOutgoingAndSend((short) 0, STATE_OCTETS);
    }

    /**
     * Finds the command packet in an SMS-DELIVER: 3GPP TS 23.040 §9.2.2.1. Anything that is not
     * exactly that is dropped.
     */
    private void receive() {
        ViewHandler envelope = EnvelopeHandlerSystem.getTheHandler();
        if (envelope.findTLV(ToolkitConstants.TAG_SMS_TPDU, (byte) 1)
                == ToolkitConstants.TLV_NOT_FOUND) {
            return;
        }
        short length = envelope.getValueLength();
        if (length < 2 || (envelope.getValueByte((short) 0) & 0x43) != 0x40) {
            return;
        }
        // First octet, originator, PID, DCS, seven of time, UDL.
        short digits = (short) (envelope.getValueByte((short) 1) & 0xFF);
        short udl = (short) (3 + (short) ((short) (digits + 1) / 2) + 9);
        short packetAt = (short) (udl + 4);
        if (packetAt >= length) {
            return;
        }
        short octets = (short) (length - packetAt);
        boolean ours =
                (short) (envelope.getValueByte(udl) & 0xFF) == (short) (octets + 3)
                        && octets <= Ram.PACKET_OCTETS
                        && envelope.getValueByte((short) (udl + 1)) == 0x02
                        && envelope.getValueByte((short) (udl + 2)) == profile.header
                        && envelope.getValueByte((short) (udl + 3)) == 0x00;
        if (!ours) {
            return;
        }
        envelope.copyValue(packetAt, ram.packet, (short) 0, octets);
        inbox.receive((short) 0, octets);
    }
}
