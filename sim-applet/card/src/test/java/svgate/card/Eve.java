package svgate.card;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import svgate.issuer.Issue;
import svgate.issuer.SimKeys;
import svgate.issuer.Tlvs;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Cards on the eve of something, each watched by a {@link Ledger}, and what is looked at after. */
abstract class Eve {
    static final SimKeys FIRST = SimKeys.derive(new byte[32], "8988211000000000003", 1);
    static final SimKeys SECOND = SimKeys.derive(new byte[32], "8988211000000000003", 2);

    private final AppletLoader loader;
    private Ledger ledger;

    Eve(AppletLoader loader) {
        this.loader = loader;
    }

    /** A card as it comes from its maker. */
    final Rig blank() {
        Issue issue = new Issue();
        // One language: personalisation is cut at each of its writes.
        issue.languages = List.of("en");
        issue.keys = FIRST;
        Rig rig = new Rig(issue, loader, false);
        ledger = new Ledger(rig, FIRST, SECOND);
        return rig;
    }

    /** A card in a phone that is switched on. */
    final Rig ready() {
        return blank().ready();
    }

    /** A card with one order behind it. */
    final Rig bought() {
        Rig rig = ready();
        assertTrue(buys(rig, "1234"));
        return rig;
    }

    /** A card whose PIN was wrong three times. */
    final Rig blocked() {
        Rig rig = ready();
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
        assertEquals(0, Inside.of(rig).tries());
        return rig;
    }

    /** Buys, and proves that what was sent is what was shown, under a counter never used. */
    final boolean buys(Rig rig, String pin) {
        List<Proactive> seen = rig.menu(recording(rig, Rig.inTurn(Rig.purchase(pin))));
        Optional<Proactive> sms = seen.stream().filter(Proactive::sends).findFirst();
        sms.ifPresent(
                sent -> {
                    byte[] data = rig.open(sent).data();
                    assertArrayEquals("12".getBytes(), Tlvs.find(data, 3).orElseThrow());
                    assertTrue(seen.get(5).text().endsWith("12 x1 >4711\nAt most 2.50 EUR"));
                });
        return sms.isPresent();
    }

    final void sendAgainIfOffered(Rig rig) {
        rig.menu(
                recording(
                        rig,
                        Rig.inTurn(
                                Proactive.chosen(7),
                                Rig.ok(),
                                Proactive.typed("1234"),
                                Rig.ok(),
                                Rig.ok())));
    }

    final Rig.Answers recording(Rig rig, Rig.Answers answers) {
        return command -> {
            if (command.sends()) {
                ledger.sent(rig.open(command));
            }
            return answers.answer(command);
        };
    }

    static int receipts(Rig rig, String text) {
        byte[][] answers = new byte[6][];
        Arrays.fill(answers, Rig.ok());
        answers[0] = Proactive.chosen(4);
        return (int)
                rig.menu(Rig.inTurn(answers)).stream().filter(c -> c.text().equals(text)).count();
    }

    static int version(Rig rig) {
        return Vectors.hex(rig.send(Vectors.hex("80ca000104")))[3];
    }
}
