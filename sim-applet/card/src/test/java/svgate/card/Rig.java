package svgate.card;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import svgate.issuer.Issue;
import svgate.issuer.Packets;
import svgate.issuer.Tlvs;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** A card, its issuer, its phone and its gateway, for one test. */
final class Rig {
    static final String APPLET = "svgate.applet.PayApplet";

    /** A phone that can do everything. */
    static final byte[] PROFILE = {-1, -1, -1, -1, -1, -1, -1, -1};

    private static final AppletLoader LOADER = new AppletLoader("svgate.applet", Map.of());
    private static final byte ENTRY = 1;

    final Card card;
    final Issue issue;
    final AppletLoader loader;

    /** Every proactive command of the last event. */
    final List<Proactive> seen = new ArrayList<>();

    /** The last counter that the gateway used. */
    long sent;

    Rig() {
        this(new Issue());
    }

    Rig(Issue issue) {
        this(issue, LOADER, false);
    }

    Rig(Issue issue, AppletLoader loader, boolean hasCmac) {
        this.issue = issue;
        this.loader = loader;
        card = new Card(hasCmac);
    }

    /** Installs and personalises, then switches the phone on. */
    Rig ready() {
        install();
        personalise();
        powerOn();
        return this;
    }

    void install() {
        card.install(loader, APPLET, issue.installData());
    }

    void personalise() {
        issue.script().forEach(apdu -> assertEquals("9000", send(apdu)));
    }

    String send(byte[] apdu) {
        byte[] selected = card.transmit(Issue.select());
        assertEquals("9000", Vectors.hex(selected));
        return Vectors.hex(card.transmit(apdu));
    }

    void powerOn() {
        card.reset();
        card.usat().profileDownload(PROFILE);
    }

    /** Opens the menu and answers as {@code phone} does. */
    List<Proactive> menu(Answers phone) {
        attach(phone);
        assertTrue(card.usat().menuSelection(ENTRY));
        return List.copyOf(seen);
    }

    /** Brings a packet as an SMS and answers what the card then asks. */
    List<Proactive> deliver(byte[] packet, Answers phone) {
        attach(phone);
        card.usat().smsPpDownload(smsDeliver(issue.headerElement, packet));
        return List.copyOf(seen);
    }

    /** Seals data under the confirmation keys and the next counter, and brings it. */
    List<Proactive> deliverData(byte[] data, Answers phone) {
        sent++;
        return deliver(Packets.seal(issue.confirmations(), sent, data), phone);
    }

    Packets.Opened open(Proactive sms) {
        return Packets.open(issue.orders(), sms.packet());
    }

    static byte[] reply(int outcome, long reference, String text) {
        Tlvs reply =
                new Tlvs()
                        .with(0x91, outcome)
                        .with(0x89, number(reference, 4))
                        .with(0x85, number(250, 2))
                        .with(0x86, 0x09, 0x78)
                        .with(0x92, number(7, 8));
        return reply.with(0x13, svgate.issuer.CardTexts.encode(text)).octets();
    }

    static byte[] number(long value, int octets) {
        byte[] all = new byte[octets];
        for (int i = 0; i < octets; i++) {
            all[i] = (byte) (value >> (8 * (octets - 1 - i)));
        }
        return all;
    }

    /** SMS-DELIVER with header, PID 7F, DCS F6: 3GPP TS 23.040 §9.2.2.1. */
    static byte[] smsDeliver(int headerElement, byte[] packet) {
        byte[] head = Vectors.hex("40038177f87ff662115291000000");
        byte[] udh = {(byte) (packet.length + 3), 2, (byte) headerElement, 0};
        return Packets.join(head, udh, packet);
    }

    private void attach(Answers phone) {
        seen.clear();
        card.usat()
                .attach(
                        command -> {
                            Proactive proactive = Proactive.read(command);
                            seen.add(proactive);
                            return phone.answer(proactive);
                        });
    }

    /** What the subscriber and the network do. */
    @FunctionalInterface
    interface Answers {
        byte[] answer(Proactive command);
    }

    /** Answers in turn; a command beyond the last is refused. */
    static Answers inTurn(byte[]... answers) {
        List<byte[]> left = new ArrayList<>(Arrays.asList(answers));
        return command -> left.isEmpty() ? Proactive.result(0x10) : left.remove(0);
    }

    static byte[] ok() {
        return Proactive.result(0);
    }

    /** Buys one item 12 at 4711 for at most 2.50 with the PIN, until the network has it. */
    static byte[][] purchase(String pin) {
        return new byte[][] {
            Proactive.chosen(1),
            Proactive.typed("4711"),
            Proactive.typed("12"),
            Proactive.typed("1"),
            Proactive.typed("2.50"),
            ok(),
            Proactive.typed(pin),
            ok(),
            ok(),
        };
    }
}
