package svgate.card;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import javacard.framework.TransactionException;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.util.Arrays;
import java.util.Map;
import java.util.function.Consumer;

/** The card's memory: what a transaction undoes, what it does not, and what a cut leaves behind. */
class MemoryTest {
    private final Card card = new Card(false);
    private MemoryProbe probe;

    @BeforeEach
    void load() {
        card.inThisCard(
                () -> {
                    AppletLoader loader = new AppletLoader("svgate.applet", Map.of());
                    try {
                        Class<?> type = loader.loadClass("svgate.applet.MemoryApplet");
                        probe = (MemoryProbe) type.getConstructor().newInstance();
                    } catch (ReflectiveOperationException e) {
                        throw new IllegalStateException(e);
                    }
                });
    }

    @Test
    void aTransactionIsKeptWholeOrUndoneInEveryKindOfField() {
        on(p -> p.write((byte) 1, true, true));
        assertArrayEquals(new int[] {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, read());
        on(p -> p.write((byte) 0, true, false));
        // The transient array is not part of it.
        assertArrayEquals(new int[] {1, 1, 1, 1, 1, 1, 1, 1, 0, 0}, read());
    }

    @Test
    void aCutUndoesAnOpenTransactionAtTheNextReset() {
        on(p -> p.write((byte) 1, true, true));
        // Eight stores and the commit.
        for (int n = 1; n <= 9; n++) {
            card.nvm().cutAtWrite(n);
            assertThrows(PowerLost.class, () -> on(p -> p.write((byte) 0, true, true)));
            assertTrue(card.nvm().isDead());
            assertThrows(PowerLost.class, () -> card.transmit(new byte[4]));
            card.reset();
            assertArrayEquals(new int[] {1, 1, 1, 1, 1, 1, 1, 1, 0, 0}, read(), "write " + n);
        }
        card.nvm().cutAtWrite(10);
        on(p -> p.write((byte) 0, true, true));
        assertEquals(0, Arrays.stream(read()).sum());
    }

    @Test
    void withoutATransactionEachStoreIsForItself() {
        for (int n = 1; n <= 8; n++) {
            on(p -> p.write((byte) 0, false, false));
            card.nvm().cutAtWrite(n);
            assertThrows(PowerLost.class, () -> on(p -> p.write((byte) 1, false, false)));
            card.reset();
            assertEquals(n - 1, Arrays.stream(read()).sum(), "write " + n);
        }
    }

    @Test
    void arrayCopyIsAtomicAndItsSisterIsNot() {
        card.nvm().cutAtWrite(5);
        assertThrows(PowerLost.class, () -> on(p -> p.copy((byte) 7, true, false)));
        card.reset();
        assertArrayEquals(new byte[8], probe.array());
        card.nvm().cutAtWrite(5);
        assertThrows(PowerLost.class, () -> on(p -> p.copy((byte) 7, false, false)));
        card.reset();
        assertArrayEquals(new byte[] {7, 7, 7, 7, 0, 0, 0, 0}, probe.array());
        on(p -> p.copy((byte) 9, true, true));
        assertArrayEquals(new byte[] {7, 7, 7, 7, 0, 0, 0, 0}, probe.array());
        on(p -> p.copy((byte) 9, false, true));
        assertArrayEquals(new byte[] {9, 9, 9, 9, 9, 9, 9, 9}, probe.array());
    }

    @Test
    void anAbortGivesNoPinTryBackAndUndoesAChangeOfPin() {
        on(p -> assertEquals(2, p.wrongPinAborted()));
        on(p -> assertEquals(1, p.wrongPinAborted()));
        on(p -> assertTrue(p.changePinAborted()));
        on(p -> assertEquals(2, p.wrongPinAborted()));
    }

    @Test
    void aCommitHoldsOnlySoMuch() {
        TransactionException full =
                assertThrows(TransactionException.class, () -> on(MemoryProbe::overflow));
        assertEquals(TransactionException.BUFFER_FULL, full.getReason());
    }

    @Test
    void aTransactionLeftOpenIsUndoneWhenTheAppletReturns() {
        card.run(() -> probe.openTransaction());
        assertFalse(card.nvm().inTransaction());
        assertEquals(0, read()[0]);
    }

    @Test
    void aResetClearsTransientMemory() {
        on(p -> p.write((byte) 1, false, false));
        card.reset();
        assertArrayEquals(new int[] {1, 1, 1, 1, 1, 1, 1, 1, 0, 0}, read());
    }

    @Test
    void deselectingClearsOnlyWhatIsMeantForIt() {
        on(p -> p.write((byte) 1, false, false));
        card.nvm().deselect();
        assertArrayEquals(new int[] {1, 1, 1, 1, 1, 1, 1, 1, 1, 0}, read());
    }

    private int[] read() {
        int[][] fields = new int[1][];
        on(p -> fields[0] = p.read());
        return fields[0];
    }

    private void on(Consumer<MemoryProbe> use) {
        card.inThisCard(() -> use.accept(probe));
    }
}
