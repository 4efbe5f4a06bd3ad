package svgate.card;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import svgate.issuer.CardTexts;
import svgate.issuer.Issue;
import svgate.issuer.Packets;
import svgate.issuer.Tlvs;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Every operation of the card, cut at every write, and what must hold after each cut. */
final class Operations extends Eve {
    Operations(AppletLoader loader) {
        super(loader);
    }

    int install() {
        return Cuts.everywhere(
                this::blank,
                Rig::install,
                rig -> {
                    if (!rig.card.isInstalled()) {
                        rig.powerOn();
                        rig.install();
                    }
                    rig.personalise();
                    rig.powerOn();
                    assertTrue(buys(rig, "1234"));
                });
    }

    /**
     * The script goes on with the command that was cut: carried out, or still to be carried out.
     */
    int personalise() {
        int[] done = {0};
        List<List<byte[]>> script = new ArrayList<>();
        return Cuts.everywhere(
                () -> {
                    Rig rig = blank();
                    rig.install();
                    script.clear();
                    script.add(rig.issue.script());
                    done[0] = 0;
                    return rig;
                },
                rig -> {
                    for (byte[] apdu : script.get(0)) {
                        assertEquals("9000", rig.send(apdu));
                        done[0]++;
                    }
                },
                rig -> {
                    List<byte[]> rest = script.get(0).subList(done[0], script.get(0).size());
                    boolean first = true;
                    for (byte[] apdu : rest) {
                        String status = rig.send(apdu);
                        boolean before = first && (status.equals("6984") || status.equals("6985"));
                        assertTrue(before || status.equals("9000"), status);
                        first = false;
                    }
                    rig.powerOn();
                    assertTrue(rig.card.usat().menuEntryShown());
                    assertFalse(Inside.of(rig).hasTransportKeys());
                    assertEquals("Pay", new String(rig.card.usat().menuEntry()));
                    assertTrue(buys(rig, "1234"));
                });
    }

    int buy() {
        return Cuts.everywhere(
                this::ready,
                rig -> buys(rig, "1234"),
                rig -> {
                    rig.powerOn();
                    assertTrue(buys(rig, "1234"));
                    sendAgainIfOffered(rig);
                });
    }

    int notSentAndSentAgain() {
        return Cuts.everywhere(
                this::ready,
                rig -> {
                    byte[][] answers = Rig.purchase("1234");
                    answers[7] = Proactive.result(0x35);
                    byte[][] more = Arrays.copyOf(answers, 12);
                    Arrays.fill(more, 9, 12, Rig.ok());
                    rig.menu(recording(rig, Rig.inTurn(more)));
                },
                rig -> {
                    rig.powerOn();
                    sendAgainIfOffered(rig);
                    assertTrue(buys(rig, "1234"));
                });
    }

    int offer() {
        return Cuts.everywhere(
                this::ready,
                rig ->
                        rig.deliverData(
                                anOffer(),
                                recording(
                                        rig,
                                        Rig.inTurn(
                                                Rig.ok(),
                                                Proactive.typed("1234"),
                                                Rig.ok(),
                                                Rig.ok()))),
                rig -> {
                    rig.powerOn();
                    sendAgainIfOffered(rig);
                    assertTrue(buys(rig, "1234"));
                });
    }

    /** A confirmation is kept with its counter or not at all; brought again, it is there once. */
    int receipt() {
        byte[] reply = Rig.reply(0, 1, "1 x Tea");
        return Cuts.everywhere(
                this::bought,
                rig -> rig.deliverData(reply, Rig.inTurn(Rig.ok())),
                rig -> {
                    rig.powerOn();
                    int kept = receipts(rig, "Paid 2.50 EUR\n1 x Tea");
                    assertTrue(kept <= 1, "kept " + kept);
                    int shown =
                            rig.deliver(
                                            Packets.seal(
                                                    rig.issue.confirmations(), rig.sent, reply),
                                            Rig.inTurn(Rig.ok()))
                                    .size();
                    assertEquals(1 - kept, shown);
                    assertEquals(1, receipts(rig, "Paid 2.50 EUR\n1 x Tea"));
                });
    }

    /** A packet that is not the gateway's writes nothing: there is nothing to cut. */
    int forgedReceipt() {
        return Cuts.everywhere(
                this::bought,
                rig -> {
                    byte[] forged =
                            Packets.seal(rig.issue.confirmations(), 1, Rig.reply(0, 1, "1 x Tea"));
                    forged[forged.length - 1] ^= 1;
                    rig.deliver(forged, Rig.inTurn(Rig.ok()));
                },
                rig -> assertEquals(0, receipts(rig, "Paid 2.50 EUR\n1 x Tea")));
    }

    /** A wrong PIN costs its try whether or not the card lives to say so. */
    int wrongPin() {
        return Cuts.everywhere(
                this::ready,
                rig ->
                        rig.menu(
                                Rig.inTurn(
                                        Proactive.chosen(6),
                                        Proactive.typed("9999"),
                                        Rig.ok(),
                                        Proactive.typed("8888"),
                                        Rig.ok(),
                                        Proactive.typed("7777"),
                                        Rig.ok(),
                                        Rig.ok())),
                rig -> {
                    long told =
                            rig.seen.stream().filter(c -> c.text().startsWith("Not right")).count();
                    long typed = rig.seen.stream().filter(Proactive::hidden).count();
                    int tries = Inside.of(rig).tries();
                    assertTrue(tries <= 3 - told, told + " told, " + tries + " left");
                    assertTrue(tries >= 3 - typed, typed + " typed, " + tries + " left");
                    rig.powerOn();
                    assertEquals(tries, Inside.of(rig).tries());
                    assertEquals(tries > 0, buys(rig, "1234"));
                });
    }

    /** One PIN is right after a change, the old or the new. */
    int changePin() {
        return Cuts.everywhere(
                this::ready,
                rig ->
                        rig.menu(
                                Rig.inTurn(
                                        Proactive.chosen(6),
                                        Proactive.typed("1234"),
                                        Proactive.typed("777777"),
                                        Proactive.typed("777777"),
                                        Rig.ok())),
                rig -> {
                    rig.powerOn();
                    boolean told = rig.seen.stream().anyMatch(c -> c.text().equals("Done"));
                    boolean renewed = buys(rig, "777777");
                    assertTrue(renewed || !told);
                    assertNotEquals(renewed, buys(rig, "1234"));
                });
    }

    int unblockByPuk() {
        return Cuts.everywhere(
                this::blocked,
                rig ->
                        rig.menu(
                                Rig.inTurn(
                                        Proactive.chosen(6),
                                        Rig.ok(),
                                        Proactive.typed("12345678"),
                                        Proactive.typed("5555"),
                                        Proactive.typed("5555"),
                                        Rig.ok())),
                rig -> {
                    rig.powerOn();
                    assertFalse(buys(rig, "1234"));
                    int tries = Inside.of(rig).tries();
                    assertTrue(tries == 0 || tries == 2, tries + " left");
                    assertEquals(tries > 0, buys(rig, "5555"));
                });
    }

    /** Unblocked only once for each packet, and again by the next. */
    int unblock() {
        byte[] command = Tlvs.command(3).octets();
        return Cuts.everywhere(
                this::blocked,
                rig -> rig.deliverData(command, Rig.inTurn()),
                rig -> {
                    int tries = Inside.of(rig).tries();
                    assertTrue(tries == 0 || tries == 3, tries + " left");
                    long before = rig.card.nvm().writes();
                    rig.deliver(
                            Packets.seal(rig.issue.confirmations(), rig.sent, command),
                            Rig.inTurn());
                    boolean taken = rig.card.nvm().writes() > before;
                    assertFalse(tries == 3 && taken, "the same packet gives the tries back twice");
                    rig.deliverData(command, Rig.inTurn());
                    assertEquals(3, Inside.of(rig).tries());
                    rig.powerOn();
                    assertTrue(buys(rig, "1234"));
                });
    }

    int unblockWithNewPin() {
        byte[] command = Tlvs.command(3).with(0xA6, "4444".getBytes()).octets();
        return Cuts.everywhere(
                this::blocked,
                rig -> rig.deliverData(command, Rig.inTurn()),
                rig -> {
                    rig.powerOn();
                    boolean unblocked = Inside.of(rig).tries() == 3;
                    assertEquals(unblocked, buys(rig, "4444"));
                    assertFalse(buys(rig, "1234"));
                });
    }

    /** The card has the old keys whole or the new keys whole, both directions alike. */
    int rekey() {
        byte[] command = Issue.newKeys(2, 0x22, 0x22, SECOND);
        return Cuts.everywhere(
                this::bought,
                rig -> rig.deliverData(command, Rig.inTurn()),
                rig -> {
                    rig.powerOn();
                    boolean renewed = version(rig) == 2;
                    if (!renewed) {
                        assertTrue(buys(rig, "1234"));
                        rig.deliverData(command, Rig.inTurn());
                    }
                    assertEquals(2, version(rig));
                    // Until the new keys are used the old ones are heard.
                    assertEquals(
                            1,
                            rig.deliverData(Rig.reply(0, 1, "Old"), Rig.inTurn(Rig.ok())).size());
                    rig.issue.keys = SECOND;
                    rig.issue.kicOctet = 0x22;
                    rig.issue.kidOctet = 0x22;
                    assertTrue(buys(rig, "1234"));
                    rig.sent = 0;
                    assertEquals(
                            1,
                            rig.deliverData(Rig.reply(0, 1, "New"), Rig.inTurn(Rig.ok())).size());
                });
    }

    int changeText() {
        byte[] command = Issue.text(0, 18, CardTexts.encode("Agree to pay this now?"));
        return Cuts.everywhere(
                this::ready,
                rig -> rig.deliverData(command, Rig.inTurn()),
                rig -> {
                    rig.powerOn();
                    assertTrue(buys(rig, "1234"));
                    String headline = rig.seen.get(5).text().lines().findFirst().orElseThrow();
                    assertTrue(
                            List.of("Pay this?", "Agree to pay this now?").contains(headline),
                            headline);
                });
    }

    int changeService() {
        return Cuts.everywhere(
                this::ready,
                rig -> rig.deliverData(Issue.service("91234", 0x81), Rig.inTurn()),
                rig -> {
                    rig.powerOn();
                    assertTrue(buys(rig, "1234"));
                    String tpdu = Vectors.hex(rig.seen.get(7).payload());
                    assertTrue(
                            tpdu.startsWith("410003b177f8") || tpdu.startsWith("410005811932f4"),
                            tpdu);
                });
    }

    int lockAndUnlock() {
        return Cuts.everywhere(
                this::ready,
                rig -> {
                    rig.deliverData(Tlvs.command(6).octets(), Rig.inTurn());
                    rig.deliverData(Tlvs.command(7).octets(), Rig.inTurn());
                },
                rig -> {
                    rig.powerOn();
                    rig.sent = 2;
                    rig.deliverData(Tlvs.command(7).octets(), Rig.inTurn());
                    assertTrue(buys(rig, "1234"));
                });
    }

    int chooseLanguage() {
        return Cuts.everywhere(
                this::ready,
                rig -> rig.menu(Rig.inTurn(Proactive.chosen(5), Proactive.chosen(1))),
                rig -> {
                    rig.powerOn();
                    assertTrue(buys(rig, "1234"));
                });
    }

    static byte[] anOffer() {
        return Tlvs.command(1)
                .with(0x81, 1)
                .with(0x82, 0, 0x47, 0x11)
                .with(0x83, 0x31, 0x32)
                .with(0x84, 2)
                .with(0x85, 0x01, 0xF4)
                .with(0x86, 9, 0x78)
                .octets();
    }
}
