package svgate.card;

import svgate.issuer.CardTexts;
import svgate.issuer.Packets;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A proactive command, read as a phone reads it: ETSI TS 102 223 §6.6. */
record Proactive(
        int type,
        int qualifier,
        int coding,
        byte[] textOctets,
        List<Integer> items,
        byte[] payload,
        int[] lengths) {
    static final int SEND_USSD = 0x12;
    static final int SEND_SMS = 0x13;
    static final int DISPLAY_TEXT = 0x21;
    static final int GET_INPUT = 0x23;
    static final int SELECT_ITEM = 0x24;
    static final int SET_UP_MENU = 0x25;
    private static final int HIDDEN = 0x04;

    static Proactive read(byte[] command) {
        TlvList list = new TlvList();
        int at = command[1] == (byte) 0x81 ? 3 : 2;
        if ((command[0] & 0xFF) != 0xD0 || command.length - at != (command[at - 1] & 0xFF)) {
            throw new IllegalArgumentException("not a proactive command: " + Vectors.hex(command));
        }
        list.load(Arrays.copyOfRange(command, at, command.length));
        byte[] details = value(list, 0x01, 1);
        byte[] text = value(list, 0x0D, 1);
        byte[] shown =
                text == null || text.length == 0
                        ? new byte[0]
                        : Arrays.copyOfRange(text, 1, text.length);
        int coding = text == null || text.length == 0 ? 0 : text[0];
        List<Integer> items = new ArrayList<>();
        for (int i = 1; value(list, 0x0F, i) != null; i++) {
            byte[] item = value(list, 0x0F, i);
            if (item.length > 0) {
                items.add(item[0] & 0xFF);
            }
        }
        byte[] payload = value(list, 0x0B, 1);
        byte[] ussd = value(list, 0x0A, 1);
        byte[] lengths = value(list, 0x11, 1);
        return new Proactive(
                details[1] & 0xFF,
                details[2] & 0xFF,
                coding,
                shown,
                items,
                payload != null ? payload : ussd,
                lengths == null ? new int[0] : new int[] {lengths[0] & 0xFF, lengths[1] & 0xFF});
    }

    boolean sends() {
        return type == SEND_SMS || type == SEND_USSD;
    }

    boolean hidden() {
        return type == GET_INPUT && (qualifier & HIDDEN) != 0;
    }

    String text() {
        return CardTexts.decode(coding, textOctets);
    }

    /** The command packet in an SMS-SUBMIT: after first octet, MR, TP-DA, PID, DCS, UDL and UDH. */
    byte[] packet() {
        int digits = payload[2] & 0xFF;
        int at = 4 + (digits + 1) / 2 + 3 + 3;
        return Arrays.copyOfRange(payload, at, payload.length);
    }

    // --- what a phone answers

    static byte[] result(int general, int... more) {
        byte[] result = new byte[1 + more.length];
        result[0] = (byte) general;
        for (int i = 0; i < more.length; i++) {
            result[i + 1] = (byte) more[i];
        }
        byte[] head = {(byte) 0x81, 3, 1, 0, 0, (byte) 0x82, 2, (byte) 0x82, (byte) 0x81};
        return Packets.join(head, TlvList.withLength((byte) 0x83, result));
    }

    static byte[] typed(String text) {
        byte[] coded = new byte[text.length() + 1];
        coded[0] = 4;
        for (int i = 0; i < text.length(); i++) {
            coded[i + 1] = (byte) text.charAt(i);
        }
        return Packets.join(result(0), TlvList.withLength((byte) 0x8D, coded));
    }

    static byte[] chosen(int item) {
        return Packets.join(result(0), new byte[] {(byte) 0x90, 1, (byte) item});
    }

    private static byte[] value(TlvList list, int tag, int occurrence) {
        if (list.findTLV((byte) tag, (byte) occurrence) == 0) {
            return null;
        }
        byte[] value = new byte[list.getValueLength()];
        for (int i = 0; i < value.length; i++) {
            value[i] = list.getValueByte((short) i);
        }
        return value;
    }
}
