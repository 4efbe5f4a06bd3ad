package svgate.applet;

import javacard.framework.JCSystem;

/**
 * What the gateway sends to the card. A packet is checked whole, then its counter and its effect
 * are one commit; a bad one changes nothing and is not answered.
 */
final class Inbox {
    static final short NO_RECEIPT = 1;

    private static final byte[] REPLY = {
        Tlv.OUTCOME, Tlv.REFERENCE, Tlv.AMOUNT, Tlv.CURRENCY, Tlv.PURCHASE, Tlv.TEXT,
    };

    private final Ram ram;
    private final Profile profile;
    private final Screen screen;
    private final Terminal terminal;
    private final KeyRing keys;
    private final CommandPacket packets;
    private final LastOrder last;
    private final Receipts receipts;
    private final Commands commands;

    Inbox(
            Ram ram,
            Profile profile,
            Screen screen,
            Terminal terminal,
            KeyRing keys,
            CommandPacket packets,
            LastOrder last,
            Receipts receipts,
            Commands commands) {
        this.ram = ram;
        this.profile = profile;
        this.screen = screen;
        this.terminal = terminal;
        this.keys = keys;
        this.packets = packets;
        this.last = last;
        this.receipts = receipts;
        this.commands = commands;
    }

    /** Takes a packet that stands in {@link Ram#packet}. */
    void receive(short at, short length) {
        KeyRecord record = keys.confirmations();
        short opened = packets.open(record, ram.packet, at, length);
        if (opened == CommandPacket.CC_FAILED || opened == CommandPacket.UNKNOWN_KEY) {
            record = keys.olderConfirmations();
            if (record == null) {
                return;
            }
            opened = packets.open(record, ram.packet, at, length);
        }
        if (opened <= 0) {
            return;
        }
        short data = packets.dataAt(record, at);
        if (Tlv.wellFormed(ram.packet, data, opened, REPLY)) {
            if (Receipts.isReply(ram.packet, data, opened) && isOfThisCard(data, opened)) {
                keep(record, at, data, opened);
                display(data, opened);
            }
            return;
        }
        commands.carryOut(record, at, data, opened);
    }

    /** Shows a receipt, 0 being the newest. */
    short show(short age) {
        short length = receipts.recall(age, ram.packet, (short) 0);
        return length == 0 ? NO_RECEIPT : display((short) 0, length);
    }

    /** Shows a checked confirmation: its outcome and amount, then the gateway's words. */
    private short display(short from, short length) {
        byte[] reply = ram.packet;
        byte outcome = reply[Tlv.value(reply, from, length, Tlv.OUTCOME)];
        short at = screen.text((short) 0, Receipts.textOf(outcome));
        short amount = Tlv.value(reply, from, length, Tlv.AMOUNT);
        // Another currency's digits behind the point are not known here: the text has its price.
        if (amount != Tlv.ABSENT && isOurs(reply, from, length)) {
            at = screen.amount(screen.character(at, (byte) ' '), reply, amount);
        }
        short text = Tlv.value(reply, from, length, Tlv.TEXT);
        short octets = text == Tlv.ABSENT ? (short) 0 : (short) (Tlv.length(reply, text) - 1);
        if (octets <= 0) {
            return terminal.show(at);
        }
        byte coding = reply[text];
        if (coding == screen.coding()) {
            at = screen.character(at, (byte) '\n');
            return terminal.show(screen.coded(at, reply, (short) (text + 1), octets));
        }
        short shown = terminal.show(at);
        if (shown != Terminal.DONE) {
            return shown;
        }
        return terminal.show(coding, screen.coded((short) 0, reply, (short) (text + 1), octets));
    }

    /** One commit: the counter is heard, and the confirmation is kept, unless it is already. */
    private void keep(KeyRecord record, short at, short data, short length) {
        boolean repeated = receipts.has(ram.packet, data, length);
        JCSystem.beginTransaction();
        packets.hear(record, ram.packet, at);
        keys.heard(record);
        if (!repeated) {
            receipts.keep(ram.packet, data, length);
        }
        JCSystem.commitTransaction();
    }

    private boolean isOfThisCard(short data, short length) {
        return last.numbered(ram.packet, Tlv.value(ram.packet, data, length, Tlv.REFERENCE));
    }

    private boolean isOurs(byte[] reply, short from, short length) {
        short currency = Tlv.value(reply, from, length, Tlv.CURRENCY);
        return Octets.compare(reply, currency, profile.currency, (short) 0, (short) 2) == 0;
    }
}
