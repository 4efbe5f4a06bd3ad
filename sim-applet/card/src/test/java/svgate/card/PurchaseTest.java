package svgate.card;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import svgate.issuer.Issue;
import svgate.issuer.Packets;
import svgate.issuer.Tlvs;

import java.util.List;

/** From the menu to the order in the air. */
class PurchaseTest {
    private Rig rig = new Rig();

    @AfterEach
    void noExceptionLeftTheApplet() {
        assertEquals(List.of(), rig.card.faults());
    }

    @Test
    void anOrderCarriesWhatWasOnTheScreen() {
        rig.ready();
        List<Proactive> seen = rig.menu(Rig.inTurn(Rig.purchase("1234")));
        assertEquals("Pay this?\n12 x1 >4711\nAt most 2.50 EUR", seen.get(5).text());
        Proactive sms = seen.get(7);
        assertEquals(Proactive.SEND_SMS, sms.type());
        assertEquals("4100" + "03b177f8" + "7ff6", Vectors.hex(sms.payload()).substring(0, 16));
        Packets.Opened order = rig.open(sms);
        assertEquals(1, order.counter());
        // "at the price shown" of the shared vectors, with the other kind of amount.
        String canonical = vector("one item at the price shown").replace("870101", "870102");
        assertEquals(canonical.toLowerCase(), Vectors.hex(order.data()));
        assertEquals("Sent. A receipt will follow.", seen.get(8).text());
        assertEquals(9, seen.size());
    }

    @Test
    void aPaymentOrderIsPaidByItsNumber() {
        rig.ready();
        rig.menu(
                Rig.inTurn(
                        Proactive.chosen(2),
                        Proactive.typed("83920171"),
                        Proactive.typed("10"),
                        Rig.ok(),
                        Proactive.typed("1234"),
                        Rig.ok()));
        assertEquals("Pay this?\n83920171\nAt most 10.00 EUR", rig.seen.get(3).text());
        String canonical = vector("a payment order alone").replace("890400000002", "890400000001");
        assertEquals(canonical.toLowerCase(), Vectors.hex(rig.open(rig.seen.get(5)).data()));
    }

    @Test
    void aWrongEntryIsEchoedAndAskedForAgain() {
        rig.ready();
        List<Proactive> seen =
                rig.menu(
                        Rig.inTurn(
                                Proactive.chosen(2),
                                Proactive.typed("83920172"),
                                Rig.ok(),
                                Proactive.typed("83920171"),
                                Proactive.typed("2.5"),
                                Rig.ok(),
                                Proactive.typed("2.50")));
        assertEquals("Not right: 83920172", seen.get(2).text());
        assertEquals("Not right: 2.5", seen.get(5).text());
        assertEquals("Pay this?\n83920171\nAt most 2.50 EUR", seen.get(7).text());
    }

    @Test
    void notSentIsSentAgainUnderTheSameReferenceAndANewCounter() {
        rig.ready();
        byte[][] answers = Rig.purchase("1234");
        answers[7] = Proactive.result(0x35, 0x15);
        rig.menu(
                command ->
                        command.sends() && rig.seen.stream().filter(Proactive::sends).count() > 1
                                ? Rig.ok()
                                : answerInTurn(answers));
        List<Packets.Opened> orders =
                rig.seen.stream().filter(Proactive::sends).map(rig::open).toList();
        assertEquals(List.of(1L, 2L), orders.stream().map(Packets.Opened::counter).toList());
        assertArrayEquals(orders.get(0).data(), orders.get(1).data());
        assertTrue(
                rig.seen.stream()
                        .anyMatch(c -> c.text().startsWith("Not sent. Send it again?\n12 x1")));
    }

    private int turn;

    private byte[] answerInTurn(byte[][] answers) {
        return turn < answers.length ? answers[turn++] : Rig.ok();
    }

    @Test
    void anUnsentOrderIsOfferedInTheMenuAndARepeatedOneIsNew() {
        rig.ready();
        byte[][] answers = Rig.purchase("1234");
        answers[7] = Proactive.result(0x21, 0x00);
        answers[8] = Proactive.result(0x10);
        rig.menu(Rig.inTurn(answers));
        byte[] first = rig.open(rig.seen.get(7)).data();

        rig.powerOn();
        rig.menu(
                Rig.inTurn(
                        Proactive.chosen(7),
                        Rig.ok(),
                        Proactive.typed("1234"),
                        Rig.ok(),
                        Rig.ok()));
        assertTrue(rig.seen.get(0).items().contains(7));
        Packets.Opened again = rig.open(rig.seen.get(3));
        assertEquals(2, again.counter());
        assertArrayEquals(first, again.data());

        rig.menu(
                Rig.inTurn(
                        Proactive.chosen(3),
                        Rig.ok(),
                        Proactive.typed("1234"),
                        Rig.ok(),
                        Rig.ok()));
        assertFalse(rig.seen.get(0).items().contains(7));
        Packets.Opened repeated = rig.open(rig.seen.get(3));
        assertEquals(3, repeated.counter());
        assertEquals(2, Tlvs.find(repeated.data(), 9).orElseThrow()[3]);
    }

    @Test
    void goingBackIsOneStepBackAndTypedOver() {
        rig.ready();
        byte[] back = Proactive.result(0x11);
        rig.menu(
                Rig.inTurn(
                        Proactive.chosen(1),
                        Proactive.typed("4711"),
                        Proactive.typed("longitem"),
                        Proactive.typed("1"),
                        back,
                        back,
                        Proactive.typed("a1"),
                        Proactive.typed("2"),
                        Proactive.typed("5"),
                        back,
                        Proactive.typed("4"),
                        Rig.ok(),
                        Proactive.typed("1234"),
                        Rig.ok()));
        assertEquals("Pay this?\nA1 x2 >4711\nAt most 4.00 EUR", rig.seen.get(11).text());
        assertEquals(
                "018101018203004711830241318401028502019086020978870102890400000001",
                Vectors.hex(rig.open(rig.seen.get(13)).data()));
    }

    @Test
    void nothingIsSentWithoutConsentOrPin() {
        rig.ready();
        for (int result :
                new int[] {
                    0x01, 0x02, 0x04, 0x07, 0x10, 0x12, 0x13, 0x20, 0x21, 0x30, 0x32, 0x39, 0xFF
                }) {
            byte[][] answers = Rig.purchase("1234");
            answers[5] = Proactive.result(result);
            assertTrue(
                    rig.menu(Rig.inTurn(answers)).stream().noneMatch(Proactive::sends),
                    "result " + result);
        }
        assertTrue(rig.menu(Rig.inTurn(Rig.purchase("4321"))).stream().noneMatch(Proactive::sends));
    }

    @Test
    void threeWrongPinsBlockAndThePukUnblocks() {
        rig.ready();
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
                        Rig.ok(),
                        Proactive.typed("12345678"),
                        Proactive.typed("5555"),
                        Proactive.typed("5555"),
                        Rig.ok()));
        assertEquals("PIN is blocked.", rig.seen.get(7).text());
        assertTrue(
                rig.seen.stream()
                        .filter(c -> c.type() == Proactive.GET_INPUT)
                        .allMatch(Proactive::hidden));
        assertTrue(rig.menu(Rig.inTurn(Rig.purchase("1234"))).stream().noneMatch(Proactive::sends));
        assertTrue(rig.menu(Rig.inTurn(Rig.purchase("5555"))).stream().anyMatch(Proactive::sends));
    }

    @Test
    void thePinIsAskedForByPolicy() {
        Issue never = new Issue();
        never.pinPolicy = 0;
        assertFalse(asksPin(never, "2.50"));
        Issue above = new Issue();
        above.pinPolicy = 2;
        above.pinAbove = 250;
        assertFalse(asksPin(above, "2.50"));
        assertTrue(asksPin(above, "2.51"));
    }

    private boolean asksPin(Issue issue, String most) {
        rig = new Rig(issue).ready();
        byte[][] answers = Rig.purchase("1234");
        answers[4] = Proactive.typed(most);
        return rig.menu(Rig.inTurn(answers)).stream().anyMatch(Proactive::hidden);
    }

    @Test
    void theCounterStopsAtTheEndOfItsRange() {
        rig.ready();
        rig.menu(Rig.inTurn(Rig.purchase("1234")));
        Inside.of(rig).setCounter(0xFF_FFFF_FFFEL);
        assertEquals(
                0xFF_FFFF_FFFFL,
                rig.menu(Rig.inTurn(Rig.purchase("1234"))).stream()
                        .filter(Proactive::sends)
                        .map(rig::open)
                        .findFirst()
                        .orElseThrow()
                        .counter());
        assertTrue(rig.menu(Rig.inTurn(Rig.purchase("1234"))).stream().noneMatch(Proactive::sends));
    }

    @Test
    void ussdCarriesTheOrderAsTextWithAShortMac() {
        Issue issue = new Issue();
        issue.ussd = true;
        rig = new Rig(issue).ready();
        rig.menu(Rig.inTurn(Rig.purchase("1234")));
        Proactive ussd = rig.seen.get(7);
        assertEquals(Proactive.SEND_USSD, ussd.type());
        assertEquals(0x0F, ussd.payload()[0]);
        String text = septets(ussd.payload());
        String order = vector("one item at the price shown").replace("870101", "870102");
        assertTrue(text.startsWith("*778*" + "0000000001" + "12" + order), text);
        byte[] input = Vectors.hex("ff550112b2f001000000000100000000".concat(order.toLowerCase()));
        byte[] mac =
                Aes.cmac(new javax.crypto.spec.SecretKeySpec(issue.keys.moKid(), "AES"), input);
        assertEquals(
                Vectors.hex(mac).substring(0, 8).toUpperCase(), text.substring(text.length() - 8));
        assertTrue(ussd.payload().length <= 161);
    }

    static String septets(byte[] payload) {
        StringBuilder text = new StringBuilder();
        int count = (payload.length - 1) * 8 / 7;
        for (int i = 0; i < count; i++) {
            int bit = 7 * i;
            int octet = payload[1 + bit / 8] & 0xFF;
            int next = 2 + bit / 8 < payload.length ? payload[2 + bit / 8] & 0xFF : 0;
            text.append((char) ((octet | next << 8) >> bit % 8 & 0x7F));
        }
        String whole = text.toString();
        return whole.endsWith("\r") || whole.endsWith("\0")
                ? whole.substring(0, whole.length() - 1)
                : whole;
    }

    @Test
    void theWholeMessageIsThatOfTheSharedVectors() {
        List<JsonObject> vectors = Vectors.list(Vectors.file("sms_submit_mo.json"), "vectors");
        assertEquals(8, vectors.size());
        for (JsonObject vector : vectors) {
            String id = vector.get("id").getAsString();
            byte[] tpdu = Vectors.hex(vector, "tpdu");
            Issue issue = new Issue();
            issue.service = vector.get("tp_da").getAsString();
            issue.serviceTypeOfNumber = tpdu[3];
            issue.pid = Vectors.hex(vector, "tp_pid")[0];
            issue.dcs = Vectors.hex(vector, "tp_dcs")[0];
            rig = new Rig(issue).ready();
            rig.menu(Rig.inTurn(Rig.purchase("1234")));
            byte[] made = rig.seen.get(7).payload();
            // The phone puts its own TP-MR; the length is that of another packet.
            int udl = 4 + (issue.service.length() + 1) / 2 + 2;
            made[1] = tpdu[1];
            made[udl] = tpdu[udl];
            int same = udl + 4;
            assertEquals(
                    Vectors.hex(tpdu).substring(0, 2 * same),
                    Vectors.hex(made).substring(0, 2 * same),
                    id);
        }
    }

    @Test
    void theLongestTextsLeaveAMenuThatWorks() {
        rig.ready();
        for (int number = 1; number < 32; number++) {
            rig.deliverData(
                    Issue.text(0, number, svgate.issuer.CardTexts.encode("x".repeat(31))),
                    Rig.inTurn());
        }
        List<Proactive> seen = rig.menu(Rig.inTurn(Rig.purchase("1234")));
        assertTrue(seen.get(0).items().containsAll(List.of(1, 2, 3, 4)));
        assertTrue(seen.get(7).sends());
    }

    @Test
    void anArabicScreenHasTheSameOrder() {
        rig.ready();
        rig.menu(Rig.inTurn(Proactive.chosen(5), Proactive.chosen(4)));
        List<Proactive> seen = rig.menu(Rig.inTurn(Rig.purchase("1234")));
        assertEquals("هل تدفع؟\n12 x1 >4711\nبحد أقصى 2.50 EUR", seen.get(5).text());
        assertTrue(seen.get(7).sends());
        assertEquals((byte) 0x80, rig.card.usat().menuEntry()[0]);
    }

    @Test
    void aCardThatIsNotPersonalisedDoesNothingElse() {
        rig.install();
        rig.powerOn();
        assertFalse(rig.card.usat().menuEntryShown());
        assertEquals(List.of(), rig.deliverData(Rig.reply(0, 1, "Paid"), Rig.inTurn()));
        assertEquals("010000009000", rig.send(Vectors.hex("80ca000104")));
    }

    @Test
    void aPhoneThatCannotSendIsOfferedNoMenu() {
        rig.ready();
        byte[] profile = Rig.PROFILE.clone();
        profile[3] &= ~2;
        rig.card.reset();
        rig.card.usat().profileDownload(profile);
        assertFalse(rig.card.usat().menuEntryShown());
    }

    private static String vector(String name) {
        for (JsonObject order : Vectors.list(Vectors.file("orders.json"), "orders")) {
            if (order.get("name").getAsString().equals(name)) {
                return order.get("hex").getAsString();
            }
        }
        throw new IllegalArgumentException(name);
    }
}
