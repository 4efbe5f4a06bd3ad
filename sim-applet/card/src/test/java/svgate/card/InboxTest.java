package svgate.card;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import svgate.issuer.CardTexts;
import svgate.issuer.Issue;
import svgate.issuer.Packets;
import svgate.issuer.SimKeys;
import svgate.issuer.Tlvs;

import java.util.List;

/** What the gateway sends to the card. */
class InboxTest {
    private static final SimKeys SECOND = SimKeys.derive(new byte[32], "8988211000000000003", 2);

    private final Rig rig = new Rig();

    @BeforeEach
    void buyOnce() {
        rig.ready();
        rig.menu(Rig.inTurn(Rig.purchase("1234")));
    }

    @AfterEach
    void noExceptionLeftTheApplet() {
        assertEquals(List.of(), rig.card.faults());
    }

    @Test
    void aConfirmationIsShownAndKept() {
        List<Proactive> seen = rig.deliverData(Rig.reply(0, 1, "1 x Tea"), Rig.inTurn(Rig.ok()));
        assertEquals(List.of("Paid 2.50 EUR\n1 x Tea"), texts(seen));
        rig.deliverData(Rig.reply(0x10, 1, "Machine jammed"), Rig.inTurn(Rig.ok()));
        rig.powerOn();
        rig.menu(Rig.inTurn(Proactive.chosen(4), Rig.ok(), Rig.ok()));
        assertEquals("Given back 2.50 EUR\nMachine jammed", rig.seen.get(1).text());
        assertEquals("Paid 2.50 EUR\n1 x Tea", rig.seen.get(2).text());
    }

    @Test
    void everyReplyOfTheSharedVectorsIsShownInItsOwnCoding() {
        for (JsonObject vector : Vectors.list(Vectors.file("orders.json"), "replies")) {
            byte[] data = Vectors.hex(vector, "hex");
            // Of an order that this card made.
            System.arraycopy(Rig.number(1, 4), 0, data, 6, 4);
            rig.deliverData(data, Rig.inTurn(Rig.ok(), Rig.ok()));
            String text = vector.getAsJsonObject("fields").get("text_hex").getAsString();
            boolean ucs2 =
                    vector.getAsJsonObject("fields").get("coding").getAsString().equals("ucs2");
            String shown = CardTexts.decode(ucs2 ? 8 : 4, Vectors.hex(text));
            String all = String.join("\n", texts(rig.seen));
            assertTrue(all.contains(shown), all);
        }
    }

    @Test
    void aPacketBroughtTwiceIsShownOnceAndAnOlderOneNever() {
        byte[] first = Packets.seal(rig.issue.confirmations(), 1, Rig.reply(1, 1, "Wait"));
        byte[] second = Packets.seal(rig.issue.confirmations(), 2, Rig.reply(0, 1, "Paid"));
        assertEquals(1, rig.deliver(second, Rig.inTurn(Rig.ok())).size());
        assertEquals(0, rig.deliver(second, Rig.inTurn(Rig.ok())).size());
        assertEquals(0, rig.deliver(first, Rig.inTurn(Rig.ok())).size());
    }

    @Test
    void aConfirmationThatTheGatewayRepeatsIsKeptOnce() {
        byte[] reply = Rig.reply(0, 1, "1 x Tea");
        assertEquals(1, rig.deliverData(reply, Rig.inTurn(Rig.ok())).size());
        assertEquals(1, rig.deliverData(reply, Rig.inTurn(Rig.ok())).size());
        rig.menu(Rig.inTurn(Proactive.chosen(4), Rig.ok(), Rig.ok()));
        assertEquals(2, rig.seen.stream().filter(c -> c.type() == Proactive.SELECT_ITEM).count());
        assertEquals(
                1,
                texts(rig.seen).stream().filter(t -> t.equals("Paid 2.50 EUR\n1 x Tea")).count());
    }

    @Test
    void aBadPacketChangesNothingAndIsNotAnswered() {
        byte[] good = Packets.seal(rig.issue.confirmations(), 1, Rig.reply(0, 1, "Paid"));
        long before = rig.card.nvm().writes();
        for (int bit = 0; bit < good.length * 8; bit++) {
            byte[] bad = good.clone();
            bad[bit / 8] ^= (byte) (1 << bit % 8);
            assertEquals(0, rig.deliver(bad, Rig.inTurn()).size(), "bit " + bit);
        }
        for (int length = 0; length < good.length; length++) {
            byte[] cut = java.util.Arrays.copyOf(good, length);
            assertEquals(0, rig.deliver(cut, Rig.inTurn()).size(), "length " + length);
        }
        // Authentic and yet no reply, or of an order that this card never made.
        for (JsonObject vector : Vectors.list(Vectors.file("orders.json"), "bad_replies")) {
            byte[] data = Vectors.hex(vector, "hex");
            if (data.length > 0) {
                rig.deliverData(data, Rig.inTurn());
            }
        }
        rig.deliverData(Rig.reply(0, 2, "Never ordered"), Rig.inTurn());
        // An order of its own, sent back to it.
        rig.deliver(Packets.seal(rig.issue.orders(), 9, Rig.reply(0, 1, "x")), Rig.inTurn());
        assertEquals(before, rig.card.nvm().writes());
        assertEquals(1, rig.deliver(good, Rig.inTurn(Rig.ok())).size());
    }

    @Test
    void somethingElseThanOneCommandPacketIsDropped() {
        long before = rig.card.nvm().writes();
        byte[] packet = Packets.seal(rig.issue.confirmations(), 1, Rig.reply(0, 1, "Paid"));
        byte[] sms = Rig.smsDeliver(0x70, packet);
        for (int length = 0; length < sms.length; length++) {
            rig.card.usat().smsPpDownload(java.util.Arrays.copyOf(sms, length));
        }
        rig.card.usat().smsPpDownload(Rig.smsDeliver(0x71, packet));
        sms[0] = 0;
        rig.card.usat().smsPpDownload(sms);
        assertEquals(before, rig.card.nvm().writes());
    }

    @Test
    void anOfferIsShownAgreedToAndOrderedAtItsPrice() {
        byte[] offer =
                Tlvs.command(1)
                        .with(0x81, 1)
                        .with(0x82, 0, 0x47, 0x11)
                        .with(0x83, 0x31, 0x32)
                        .with(0x84, 2)
                        .with(0x85, 0, 0x01, 0xF4)
                        .with(0x86, 9, 0x78)
                        .with(0x13, CardTexts.encode("Coffee & Co"))
                        .octets();
        List<Proactive> seen =
                rig.deliverData(
                        offer,
                        Rig.inTurn(
                                Rig.ok(), Rig.ok(), Proactive.typed("1234"), Rig.ok(), Rig.ok()));
        assertEquals("Coffee & Co", seen.get(0).text());
        assertEquals("Pay this?\n12 x2 >4711\nPrice 5.00 EUR", seen.get(1).text());
        assertEquals(
                "018101018203004711830231328401028502" + "01f48602097887010189040000" + "0002",
                Vectors.hex(rig.open(seen.get(3)).data()));
        // Not agreed to, or in a currency that the card cannot show: nothing is sent.
        assertTrue(
                rig.deliverData(offer, Rig.inTurn(Rig.ok(), Proactive.result(0x10))).stream()
                        .noneMatch(Proactive::sends));
        byte[] dinar = offer.clone();
        dinar[dinar.length - 15] = 0x14;
        long before = rig.card.nvm().writes();
        assertEquals(0, rig.deliverData(dinar, Rig.inTurn()).size());
        assertEquals(before, rig.card.nvm().writes());
    }

    @Test
    void newKeysAreTakenWholeAndTheOldOnesHeardUntilTheNewAreUsed() {
        byte[] rekey = Issue.newKeys(2, 0x22, 0x22, SECOND);
        assertEquals(0, rig.deliverData(rekey, Rig.inTurn()).size());
        // A gateway that does not know yet sends the same again, and confirms under the old keys.
        rig.deliverData(rekey, Rig.inTurn());
        assertEquals(1, rig.deliverData(Rig.reply(0, 1, "Old"), Rig.inTurn(Rig.ok())).size());

        Packets.Record orders =
                new Packets.Record(
                        SECOND.moKic(), SECOND.moKid(), 0x22, 0x22, rig.issue.ordersTar, 0x16, 8);
        rig.menu(Rig.inTurn(Rig.purchase("1234")));
        Packets.Opened order = Packets.open(orders, rig.seen.get(7).packet());
        assertEquals(1, order.counter());
        assertEquals(2, Tlvs.find(order.data(), 9).orElseThrow()[3]);

        Packets.Record confirmations =
                new Packets.Record(
                        SECOND.mtKic(),
                        SECOND.mtKid(),
                        0x22,
                        0x22,
                        rig.issue.confirmationsTar,
                        0x16,
                        8);
        assertEquals(
                1,
                rig.deliver(
                                Packets.seal(confirmations, 1, Rig.reply(0, 2, "New")),
                                Rig.inTurn(Rig.ok()))
                        .size());
        assertEquals(0, rig.deliverData(Rig.reply(0, 1, "Old"), Rig.inTurn(Rig.ok())).size());
        assertEquals("010100029000", rig.send(Vectors.hex("80ca000104")));
        // Neither lower nor equal versions, nor keys with other check values.
        long before = rig.card.nvm().writes();
        rig.deliver(
                Packets.seal(confirmations, 2, Issue.newKeys(2, 0x22, 0x22, SECOND)), Rig.inTurn());
        rig.deliver(
                Packets.seal(confirmations, 2, Issue.newKeys(1, 0x22, 0x22, SECOND)), Rig.inTurn());
        byte[] wrong = Issue.newKeys(3, 0x22, 0x22, SECOND);
        wrong[wrong.length - 1] ^= 1;
        rig.deliver(Packets.seal(confirmations, 2, wrong), Rig.inTurn());
        assertEquals(before, rig.card.nvm().writes());
    }

    @Test
    void aRekeyUnderTheSameOctetsIsHeardUnderBothKeys() {
        rig.deliverData(Issue.newKeys(2, 0x12, 0x12, SECOND), Rig.inTurn());
        assertEquals(1, rig.deliverData(Rig.reply(0, 1, "Old"), Rig.inTurn(Rig.ok())).size());
        Packets.Record confirmations =
                new Packets.Record(
                        SECOND.mtKic(),
                        SECOND.mtKid(),
                        0x12,
                        0x12,
                        rig.issue.confirmationsTar,
                        0x16,
                        8);
        assertEquals(
                1,
                rig.deliver(
                                Packets.seal(confirmations, 1, Rig.reply(0, 1, "New")),
                                Rig.inTurn(Rig.ok()))
                        .size());
        assertEquals(0, rig.deliverData(Rig.reply(0, 1, "Old"), Rig.inTurn(Rig.ok())).size());
    }

    @Test
    void aBlockedPinIsUnblockedWithTheOldOneOrANewOne() {
        block();
        assertFalse(buys("1234"));
        rig.deliverData(Tlvs.command(3).octets(), Rig.inTurn());
        assertTrue(buys("1234"));
        block();
        rig.deliverData(Tlvs.command(3).with(0xA6, "55555".getBytes()).octets(), Rig.inTurn());
        assertFalse(buys("1234"));
        assertTrue(buys("55555"));
    }

    private void block() {
        byte[] wrong = Proactive.typed("9999");
        rig.menu(
                Rig.inTurn(
                        Proactive.chosen(6),
                        wrong,
                        Rig.ok(),
                        wrong,
                        Rig.ok(),
                        wrong,
                        Rig.ok(),
                        Rig.ok()));
    }

    private boolean buys(String pin) {
        return rig.menu(Rig.inTurn(Rig.purchase(pin))).stream().anyMatch(Proactive::sends);
    }

    @Test
    void keysAndPinsAreNotTakenInClear() {
        Issue clear = new Issue();
        clear.confirmationsSpi = 0x12;
        Rig open = new Rig(clear).ready();
        long before = open.card.nvm().writes();
        open.deliverData(Issue.newKeys(2, 0x22, 0x22, SECOND), Rig.inTurn());
        open.deliverData(Tlvs.command(3).with(0xA6, "55555".getBytes()).octets(), Rig.inTurn());
        assertEquals(before, open.card.nvm().writes());
        // Neither is a secret: taken in clear, and under ciphering as well.
        open.deliverData(Tlvs.command(3).octets(), Rig.inTurn());
        assertTrue(open.card.nvm().writes() > before);
        clear.confirmationsSpi = 0x16;
        open.deliverData(Issue.newKeys(2, 0x22, 0x22, SECOND), Rig.inTurn());
        assertEquals("010100029000", open.send(Vectors.hex("80ca000104")));
    }

    @Test
    void aTextAndTheShortCodeCanBeChanged() {
        rig.deliverData(Issue.text(0, 18, CardTexts.encode("Pay NOW?")), Rig.inTurn());
        rig.deliverData(Issue.text(0, 1, CardTexts.encode("Wallet")), Rig.inTurn());
        rig.deliverData(Issue.service("91234", 0x81), Rig.inTurn());
        rig.menu(Rig.inTurn(Rig.purchase("1234")));
        assertTrue(rig.seen.get(5).text().startsWith("Pay NOW?\n"));
        assertEquals("0581" + "1932f4", Vectors.hex(rig.seen.get(7).payload()).substring(4, 14));
        assertArrayEquals("Wallet".getBytes(), rig.card.usat().menuEntry());
        // Another coding than its language has, too long, of no language.
        long before = rig.card.nvm().writes();
        rig.deliverData(Issue.text(0, 18, CardTexts.encode("الدفع")), Rig.inTurn());
        rig.deliverData(Issue.text(0, 18, CardTexts.encode("x".repeat(32))), Rig.inTurn());
        rig.deliverData(Issue.text(4, 18, CardTexts.encode("x")), Rig.inTurn());
        rig.deliverData(Issue.text(0, 32, CardTexts.encode("x")), Rig.inTurn());
        assertEquals(before, rig.card.nvm().writes());
    }

    @Test
    void aLockedAppletOnlyListens() {
        rig.deliverData(Tlvs.command(6).octets(), Rig.inTurn());
        assertEquals(List.of("Payments are locked."), texts(rig.menu(Rig.inTurn(Rig.ok()))));
        assertEquals(1, rig.deliverData(Rig.reply(0, 1, "Paid"), Rig.inTurn(Rig.ok())).size());
        rig.deliverData(Tlvs.command(7).octets(), Rig.inTurn());
        assertTrue(buys("1234"));
    }

    @Test
    void keysThatPersonalisationReplacedAreNotHeard() {
        Issue issue = new Issue();
        Rig twice = new Rig(issue);
        twice.install();
        Packets.Record first = issue.confirmations();
        assertEquals("9000", twice.send(issue.storeData(Issue.newKeys(1, 0x12, 0x12, issue.keys))));
        issue.keys = SECOND;
        twice.personalise();
        twice.powerOn();
        twice.menu(Rig.inTurn(Rig.purchase("1234")));
        byte[] reply = Rig.reply(0, 1, "Paid");
        assertEquals(0, twice.deliver(Packets.seal(first, 1, reply), Rig.inTurn()).size());
        assertEquals(1, twice.deliverData(reply, Rig.inTurn(Rig.ok())).size());
    }

    @Test
    void personalisationIsOverForGood() {
        String refused = rig.send(rig.issue.storeData(Tlvs.command(6).octets()));
        assertEquals("6985", refused);
        long before = rig.card.nvm().writes();
        for (int command : new int[] {0x00, 0x08, 0x10, 0x1F, 0x7F}) {
            rig.deliverData(Tlvs.command(command).octets(), Rig.inTurn());
        }
        assertEquals(before, rig.card.nvm().writes());
    }

    private static List<String> texts(List<Proactive> seen) {
        return seen.stream().map(Proactive::text).toList();
    }
}
