package svgate.card;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import svgate.issuer.Issue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * The life of a card: 200 purchases with messages forged, brought twice, lost and overtaken, orders
 * that are not sent and sent again, blocked PINs, new keys on the way, and power lost at any write.
 */
class LifeTest {
    private static final int PURCHASES = 200;
    private static final int LIVES = 20;
    private static final int NEW_KEYS_EVERY = 60;

    private Random random;
    private Rig rig;
    private GatewayModel gateway;

    /** What the network still has for the card. */
    private final List<byte[]> onTheWay = new ArrayList<>();

    private final Map<String, Integer> shown = new HashMap<>();
    private int cuts;

    @Test
    void everyPurchaseIsPaidOnceThroughAWholeLife() {
        int purchases = 0;
        int allCuts = 0;
        int repeats = 0;
        for (int seed = 1; seed <= LIVES; seed++) {
            try {
                live(seed);
            } catch (AssertionError | RuntimeException e) {
                throw new AssertionError("seed " + seed + ": " + e.getMessage(), e);
            }
            purchases += gateway.purchases();
            allCuts += cuts;
            repeats += gateway.repeats;
        }
        System.out.printf(
                "lives: %d cards, %d purchases each paid once, %d repeats, %d power cuts%n",
                LIVES, purchases, repeats, allCuts);
        assertTrue(repeats > 0 && allCuts > LIVES);
    }

    private void live(long seed) {
        random = new Random(seed);
        Issue issue = new Issue();
        issue.languages = List.of("en");
        gateway = new GatewayModel(issue);
        rig = new Rig(issue).ready();
        onTheWay.clear();
        shown.clear();
        cuts = 0;
        int asked = 0;
        while (gateway.purchases() < PURCHASES) {
            assertTrue(asked++ < PURCHASES * 20, "no purchase comes to pass any more");
            if (gateway.purchases() >= gateway.version() * NEW_KEYS_EVERY && !gateway.rotating()) {
                gateway.rotate();
            }
            underPower(() -> rig.menu(this::buy));
            bring();
            if (Inside.of(rig).tries() == 0) {
                onTheWay.add(gateway.unblock());
            }
        }
        assertEquals(1 + PURCHASES / NEW_KEYS_EVERY, gateway.version());
        assertEquals(List.of(), rig.card.faults());
        shown.forEach((text, times) -> assertEquals(1, times, text + " was shown again"));
    }

    /** Runs an event, and in one of ten cuts the power somewhere in it. */
    private void underPower(Runnable event) {
        if (random.nextInt(10) == 0) {
            rig.card.nvm().cutAtWrite(1 + random.nextInt(60));
        }
        try {
            event.run();
        } catch (PowerLost lost) {
            cuts++;
            rig.powerOn();
            return;
        }
        rig.card.nvm().cutAtWrite(Integer.MAX_VALUE);
    }

    private byte[] buy(Proactive command) {
        if (command.sends()) {
            return send(command);
        }
        if (command.type() == Proactive.SELECT_ITEM) {
            // What was not sent is sent again, mostly; else something new.
            boolean again = command.items().contains(7) && random.nextInt(4) > 0;
            return Proactive.chosen(again ? 7 : 1);
        }
        if (command.hidden()) {
            return Proactive.typed(random.nextInt(12) == 0 ? "9999" : "1234");
        }
        if (command.type() == Proactive.GET_INPUT) {
            return Proactive.typed(
                    switch (command.text()) {
                        case "Number on the machine?" -> "4711";
                        case "Item?" -> "12";
                        case "How many?" -> Integer.toString(1 + random.nextInt(9));
                        default -> "2.50";
                    });
        }
        return random.nextInt(25) == 0 ? Proactive.result(0x10) : Rig.ok();
    }

    /** The network takes an order or not, and does not always know which. */
    private byte[] send(Proactive command) {
        boolean told = random.nextInt(8) > 0;
        if (told || random.nextBoolean()) {
            onTheWay.addAll(gateway.receive(command.packet()));
        }
        return told ? Rig.ok() : Proactive.result(0x35, 0x15);
    }

    /** Brings what is on the way: some lost, some twice, some later, and forgeries between. */
    private void bring() {
        List<byte[]> now = List.copyOf(onTheWay);
        onTheWay.clear();
        for (byte[] packet : now) {
            switch (random.nextInt(10)) {
                case 0 -> {}
                case 1 -> onTheWay.add(packet);
                case 2 -> {
                    deliver(packet);
                    onTheWay.add(packet);
                }
                default -> deliver(packet);
            }
            byte[] forged = packet.clone();
            forged[random.nextInt(forged.length)] ^= (byte) (1 << random.nextInt(8));
            long before = rig.card.nvm().writes();
            rig.deliver(forged, Rig.inTurn());
            assertEquals(before, rig.card.nvm().writes(), "a forged packet changed something");
        }
    }

    private void deliver(byte[] packet) {
        underPower(
                () ->
                        rig.deliver(
                                packet,
                                command -> {
                                    // A repeat of an order is confirmed again, in a packet of its
                                    // own.
                                    shown.merge(
                                            command.text() + Vectors.hex(packet), 1, Integer::sum);
                                    return Rig.ok();
                                }));
    }
}
