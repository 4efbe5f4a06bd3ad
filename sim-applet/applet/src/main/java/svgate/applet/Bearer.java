package svgate.applet;

import javacard.framework.Util;

import uicc.toolkit.EditHandler;
import uicc.toolkit.ProactiveHandler;
import uicc.toolkit.ProactiveHandlerSystem;
import uicc.toolkit.ToolkitConstants;
import uicc.toolkit.ToolkitException;

/**
 * Seals an order that was numbered, and hands it to the network.
 *
 * <pre>
 * SMS   | 41 | MR 00 | TP-DA | PID | DCS | UDL | 02 70 00 | packet |   3GPP TS 23.040 §9.2.2.2
 * USSD  | DCS 0F | prefix, counter 10, KID 2, order 2n, MAC 8 digits of hex |  7-bit, packed
 * </pre>
 *
 * The MAC of the USSD form is the leftmost 4 octets of AES-CMAC over {@code FF 55 01}, KID, TAR,
 * counter, then the order. A command packet begins with 00, so neither can pass for the other.
 */
final class Bearer {
    private static final byte SUBMIT_WITH_HEADER = 0x41;
    private static final byte IE_COMMAND_PACKET = 0x70;
    private static final byte USSD_7_BIT = 0x0F;
    private static final short SHORT_MAC = 4;

    /** FF 55 01, KID, TAR, counter and four octets of filling: one block. */
    private static final short USSD_HEADER = 16;

    private final Ram ram;
    private final Profile profile;
    private final Texts texts;
    private final CommandPacket packets;
    private final Cmac cmac;

    Bearer(Ram ram, Profile profile, Texts texts, CommandPacket packets, Cmac cmac) {
        this.ram = ram;
        this.profile = profile;
        this.texts = texts;
        this.packets = packets;
        this.cmac = cmac;
    }

    /** Whether the network took {@code ram.order}. */
    boolean send(KeyRecord record, short orderLength) {
        try {
            boolean ussd = profile.bearer == Profile.BEARER_USSD;
            short length = ussd ? writeUssd(record, orderLength) : writeSms(record, orderLength);
            ProactiveHandler handler = ProactiveHandlerSystem.getTheHandler();
            handler.init(
                    ussd
                            ? ToolkitConstants.PRO_CMD_SEND_USSD
                            : ToolkitConstants.PRO_CMD_SEND_SHORT_MESSAGE,
                    (byte) 0,
                    ToolkitConstants.DEV_ID_NETWORK);
            fill(handler, ussd, length);
            // 00 to 0F: performed, in one way or another. Everything else may be sent again, under
            // the same reference: were it delivered all the same, it is paid once.
            return (handler.send() & 0xF0) == 0;
        } catch (ToolkitException failed) {
            return false;
        }
    }

    /** What the phone shows meanwhile, and the message. */
    private void fill(EditHandler handler, boolean ussd, short length) {
        short at = 0;
        if (texts.coding() == Texts.CODING_UCS2) {
            ram.screen[0] = (byte) 0x80;
            at = 1;
        }
        short end = texts.copy(texts.language(), Texts.MENU, ram.screen, at);
        handler.appendTLV(ToolkitConstants.TAG_ALPHA_IDENTIFIER, ram.screen, (short) 0, end);
        if (ussd) {
            handler.appendTLV(
                    (byte) (ToolkitConstants.TAG_USSD_STRING | ToolkitConstants.TAG_SET_CR),
                    USSD_7_BIT,
                    ram.packet,
                    (short) 0,
                    length);
        } else {
            handler.appendTLV(
                    (byte) (ToolkitConstants.TAG_SMS_TPDU | ToolkitConstants.TAG_SET_CR),
                    ram.packet,
                    (short) 0,
                    length);
        }
    }

    private short writeSms(KeyRecord record, short orderLength) {
        byte[] tpdu = ram.packet;
        tpdu[0] = SUBMIT_WITH_HEADER;
        tpdu[1] = 0;
        short next =
                Util.arrayCopyNonAtomic(
                        profile.address, (short) 0, tpdu, (short) 2, profile.addressLength);
        tpdu[next] = profile.pid;
        tpdu[(short) (next + 1)] = profile.dcs;
        short udl = (short) (next + 2);
        tpdu[(short) (udl + 1)] = 0x02;
        tpdu[(short) (udl + 2)] = IE_COMMAND_PACKET;
        tpdu[(short) (udl + 3)] = 0x00;
        short packetAt = (short) (udl + 4);
        short length = packets.seal(record, ram.order, (short) 0, orderLength, tpdu, packetAt);
        tpdu[udl] = (byte) (length + 3);
        return (short) (packetAt + length);
    }

    private short writeUssd(KeyRecord record, short orderLength) {
        byte[] header = ram.sums;
        Util.arrayFillNonAtomic(header, (short) 0, USSD_HEADER, (byte) 0);
        header[0] = (byte) 0xFF;
        header[1] = 0x55;
        header[2] = 0x01;
        header[3] = record.kidOctet;
        Util.arrayCopyNonAtomic(record.tar, (short) 0, header, (short) 4, KeyRecord.TAR_OCTETS);
        Util.arrayCopyNonAtomic(
                record.counter, (short) 0, header, (short) 7, KeyRecord.COUNTER_OCTETS);
        cmac.make(record.kid, header, (short) 0, USSD_HEADER, ram.order, (short) 0, orderLength);

        // Septets are packed as they come: the text never stands unpacked.
        byte[] text = ram.packet;
        Ram.wipe(text);
        short septets = 0;
        for (short i = 0; i < profile.prefixLength; i++) {
            septets = septet(text, septets, profile.prefix[i]);
        }
        septets = hex(text, septets, header, (short) 7, KeyRecord.COUNTER_OCTETS);
        septets = hex(text, septets, header, (short) 3, (short) 1);
        septets = hex(text, septets, ram.order, (short) 0, orderLength);
        cmac.copyTag(header, (short) 0, SHORT_MAC);
        septets = hex(text, septets, header, (short) 0, SHORT_MAC);
        if ((short) (septets & 7) == 7) {
            // TS 23.038 §6.1.2.3: seven spare bits carry a carriage return, else they read as @.
            septets = septet(text, septets, (byte) '\r');
        }
        return (short) ((short) ((short) (septets * 7) + 7) / 8);
    }

    private static short hex(byte[] text, short septets, byte[] octets, short at, short length) {
        short next = septets;
        short end = (short) (at + length);
        for (short i = at; i < end; i++) {
            next = septet(text, next, hexDigit((byte) ((octets[i] >> 4) & 0x0F)));
            next = septet(text, next, hexDigit((byte) (octets[i] & 0x0F)));
        }
        return next;
    }

    private static byte hexDigit(byte nibble) {
        return (byte) (nibble < 10 ? '0' + nibble : 'A' - 10 + nibble);
    }

    /** Puts septet number {@code index}: its bits 7·index to 7·index+6, the lowest first. */
    private static short septet(byte[] text, short index, byte character) {
        short bit = (short) (index * 7);
        short at = (short) (bit / 8);
        short shift = (short) (bit & 7);
        text[at] |= (byte) (character << shift);
        if (shift > 1) {
            text[(short) (at + 1)] |= (byte) (character >> (short) (8 - shift));
        }
        return (short) (index + 1);
    }
}
