package svgate.card;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Runs one operation again and again on a fresh card, with the power cut at its first persistent
 * write, its second, and so on until it ends; after each cut the card is switched on and looked at.
 */
final class Cuts {
    /** More writes than any operation has: one that never ends is a fault too. */
    private static final int WRITES_MAX = 20_000;

    private Cuts() {}

    /**
     * @param ready a card on the eve of the operation
     * @param operation what is cut
     * @param after what must hold, on the card switched on again
     * @return how many cuts there were
     */
    static int everywhere(Supplier<Rig> ready, Consumer<Rig> operation, Consumer<Rig> after) {
        for (int n = 1; n <= WRITES_MAX; n++) {
            Rig rig = ready.get();
            rig.card.nvm().cutAtWrite(n);
            try {
                operation.accept(rig);
            } catch (PowerLost lost) {
                rig.card.reset();
                check(rig, after, n);
                continue;
            }
            rig.card.nvm().cutAtWrite(Integer.MAX_VALUE);
            check(rig, after, n);
            return n - 1;
        }
        throw new AssertionError("no end after " + WRITES_MAX + " writes");
    }

    private static void check(Rig rig, Consumer<Rig> after, int n) {
        try {
            after.accept(rig);
            assertEquals(List.of(), rig.card.faults());
        } catch (AssertionError | RuntimeException e) {
            throw new AssertionError("after a cut at write " + n + ": " + e.getMessage(), e);
        }
    }
}
