package svgate.card;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import svgate.issuer.Packets;
import svgate.issuer.SimKeys;
import svgate.issuer.Tlvs;

import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Watches one card for life, power cuts and all: every checksum it makes under an order key, and
 * every order that leaves it.
 */
final class Ledger {
    private static final int HEADER = 16;

    private final Set<String> orderKeys = new HashSet<>();
    private final Set<String> countersUsed = new HashSet<>();
    private final Map<String, byte[]> orderOfReference = new HashMap<>();

    Ledger(Rig rig, SimKeys... versions) {
        for (SimKeys keys : versions) {
            orderKeys.add(Vectors.hex(keys.moKid()));
        }
        rig.card.observeMacs(this::macMade);
    }

    /** A reference names one order, whatever happened in between. */
    void sent(Packets.Opened order) {
        String reference = Vectors.hex(Tlvs.find(order.data(), 9).orElseThrow());
        byte[] before = orderOfReference.putIfAbsent(reference, order.data());
        if (before != null) {
            assertArrayEquals(before, order.data(), "two orders under reference " + reference);
        }
    }

    private void macMade(CardKey key, byte[] message) {
        String kid = Vectors.hex(key.spec().getEncoded());
        // The subkey of CMAC is made from one block of zeros: that is no packet.
        if (!orderKeys.contains(kid) || message.length <= HEADER) {
            return;
        }
        String counter = Vectors.hex(Arrays.copyOfRange(message, 10, 15));
        assertTrue(countersUsed.add(kid + counter), "counter " + counter + " used twice");
    }
}
