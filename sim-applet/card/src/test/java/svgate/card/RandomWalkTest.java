package svgate.card;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import svgate.issuer.Issue;
import svgate.issuer.Packets;
import svgate.issuer.Tlvs;

import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Random answers of a terminal over all menus: no order leaves the card that was not on the screen
 * and agreed to, and no exception leaves the applet. {@code -Dseed=N -Dwalks=N} repeat a run.
 */
class RandomWalkTest {
    private static final int WALKS_OF_A_CARD = 500;

    @Test
    void noOrderIsSentWithoutItsConfirmationAndNoExceptionLeavesTheApplet() {
        long seed = Long.getLong("seed", 20_261_125L);
        int walks = Integer.getInteger("walks", 100_000);
        walk(new AppletLoader("svgate.applet", Map.of()), seed, walks);
    }

    @Test
    void anAppletThatTakesAnythingForConsentIsFound() {
        isFound(
                new Mutant()
                        .with(
                                "Terminal",
                                "result == PERFORMED ? DONE",
                                "(result & 0xF0) == 0 ? DONE"),
                "agreed to");
    }

    @Test
    void anAppletThatGoesOnWithoutThePinIsFound() {
        isFound(
                new Mutant().with("Checkout", "result = pins.verify();", "pins.verify();"),
                "without a PIN");
    }

    @Test
    void anAppletThatShowsAnotherQuantityThanItSealsIsFound() {
        isFound(
                new Mutant()
                        .with(
                                "Screen",
                                "        short next = at;\n        if (quantity > 9)",
                                "        quantity = 1;\n"
                                        + "        short next = at;\n"
                                        + "        if (quantity > 9)"),
                "agreed to");
    }

    @Test
    void anAppletThatLetsAnExceptionOutIsFound() {
        isFound(
                new Mutant()
                        .with(
                                "Terminal",
                                "        if (typed < least || typed > most || typed < 1) {\n"
                                        + "            return -1;\n",
                                "        if (typed < 1) {\n            return -1;\n"),
                "ArrayIndexOutOfBounds");
    }

    private static void isFound(Mutant mutant, String complaint) {
        AssertionError found =
                assertThrows(AssertionError.class, () -> walk(mutant.loader(), 1, 20_000));
        assertTrue(found.getMessage().contains(complaint), found.getMessage());
        System.out.println("mutant found: " + found.getMessage().lines().findFirst().orElseThrow());
    }

    private static void walk(AppletLoader loader, long seed, int walks) {
        Random random = new Random(seed);
        int orders = 0;
        int answered = 0;
        Rig rig = null;
        Subscriber subscriber = null;
        for (int walk = 0; walk < walks; walk++) {
            if (walk % WALKS_OF_A_CARD == 0) {
                rig = new Rig(issue(random), loader, false).ready();
                subscriber = new Subscriber(rig, random);
            }
            subscriber.begin();
            int before = subscriber.orders;
            try {
                step(rig, subscriber, random);
                assertEquals(List.of(), rig.card.faults());
            } catch (AssertionError | RuntimeException e) {
                throw new AssertionError(
                        "seed " + seed + ", walk " + walk + ": " + e.getMessage(), e);
            }
            answered += rig.seen.size();
            orders += subscriber.orders - before;
        }
        System.out.printf(
                "random walks: %d of seed %d, %d proactive commands, %d orders, all agreed to%n",
                walks, seed, answered, orders);
        assertTrue(orders > walks / 100, "the walks hardly order anything: " + orders);
    }

    private static void step(Rig rig, Subscriber subscriber, Random random) {
        switch (random.nextInt(20)) {
            case 0 -> rig.powerOn();
            case 1 -> rig.deliverData(Operations.anOffer(), subscriber);
            case 2 ->
                    rig.deliverData(
                            Rig.reply(random.nextInt(80), 1 + random.nextInt(9), "text"),
                            subscriber);
                // Blocked PINs are given back, or most walks would end there.
            case 3 -> rig.deliverData(Tlvs.command(3).octets(), subscriber);
            case 4 -> {
                byte[] junk = new byte[random.nextInt(140)];
                random.nextBytes(junk);
                rig.deliver(junk, subscriber);
            }
            case 5 -> {
                byte[] junk = new byte[random.nextInt(60)];
                random.nextBytes(junk);
                rig.sent++;
                byte[] data =
                        Packets.join(
                                new byte[] {1, (byte) 0xA1, 1, (byte) random.nextInt(8)}, junk);
                rig.deliver(Packets.seal(rig.issue.confirmations(), rig.sent, data), subscriber);
            }
            default -> rig.menu(subscriber);
        }
    }

    private static Issue issue(Random random) {
        Issue issue = new Issue();
        issue.pinPolicy = random.nextInt(3);
        issue.pinAbove = 250;
        issue.ussd = random.nextInt(4) == 0;
        // The subscriber reads one language only.
        issue.languages = List.of("en", "en", "en", "en");
        return issue;
    }
}
