package svgate.card;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import svgate.issuer.Issue;

import java.util.List;
import java.util.Map;

/** What the applet takes of a card. */
class BudgetTest {
    private static final int TRANSIENT_MAX = 512;
    private static final int PERSISTENT_MAX = 6 * 1024;

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theAppletStaysWithinItsBudgetAndAllocatesOnlyAtInstall(boolean hasCmac) {
        Rig rig =
                new Rig(new Issue(), new AppletLoader("svgate.applet", Map.of()), hasCmac).ready();
        Nvm nvm = rig.card.nvm();
        rig.menu(Rig.inTurn(Rig.purchase("1234")));
        assertTrue(rig.seen.get(7).sends());
        rig.deliverData(Rig.reply(0, 1, "Paid"), Rig.inTurn(Rig.ok()));
        rig.deliverData(Issue.newKeys(2, 0x22, 0x22, Operations.SECOND), Rig.inTurn());
        assertEquals(List.of(), rig.card.faults());
        System.out.printf(
                "budget: transient  %5d of %5d octets%n", nvm.transientOctets(), TRANSIENT_MAX);
        System.out.printf(
                "budget: persistent %5d of %5d octets %s%n",
                nvm.persistentOctets(), PERSISTENT_MAX, nvm.allocations());
        System.out.printf(
                "budget: commit     %5d of %5d octets at most%n",
                nvm.commitUsedMost(), nvm.commitCapacity());
        assertTrue(nvm.transientOctets() <= TRANSIENT_MAX);
        assertTrue(nvm.persistentOctets() <= PERSISTENT_MAX);
        // A card of the smallest kind has 256 octets for a commit.
        assertTrue(nvm.commitUsedMost() <= 256);
    }

    @Test
    void anAllocationAfterInstallIsFound() {
        Mutant mutant =
                new Mutant()
                        .with(
                                "Checkout",
                                "        boolean numbered = again;",
                                "        byte[] more = new byte[4];\n"
                                        + "        boolean numbered = again;");
        Rig rig = new Rig(new Issue(), mutant.loader(), false).ready();
        rig.menu(Rig.inTurn(Rig.purchase("1234")));
        assertTrue(rig.card.faults().toString().contains("allocated after install: arrays"));
    }
}
