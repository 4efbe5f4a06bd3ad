package svgate.card;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import svgate.issuer.Issue;
import svgate.issuer.Packets;
import svgate.issuer.SimKeys;
import svgate.issuer.Tlvs;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A gateway as far as one card knows it: pays each reference once, confirms, changes keys. */
final class GatewayModel {
    private static final String ICCID = "8988211000000000003";

    private final Issue issue;
    private final Map<String, byte[]> paid = new HashMap<>();
    private final Set<String> countersSeen = new HashSet<>();
    private final Map<Integer, Long> lastCounter = new HashMap<>();
    private final Map<Integer, Long> sent = new HashMap<>();

    /** The version of the last good order: what is sent goes out under it. */
    private int version = 1;

    private int wanted = 1;
    int repeats;

    GatewayModel(Issue issue) {
        this.issue = issue;
        issue.keys = keys(1);
    }

    static SimKeys keys(int version) {
        return SimKeys.derive(new byte[32], ICCID, version);
    }

    int purchases() {
        return paid.size();
    }

    int version() {
        return version;
    }

    /** From now on the card shall have the next version. */
    void rotate() {
        wanted = version + 1;
    }

    boolean rotating() {
        return wanted != version;
    }

    /**
     * Takes an order that the network brought.
     *
     * @return the packets that go back
     */
    List<byte[]> receive(byte[] packet) {
        int orderVersion = (packet[5] & 0xFF) >> 4;
        Packets.Opened order = Packets.open(record(orderVersion, true), packet);
        // The same packet twice is the network's doing; another one under its counter is a clone.
        assertTrue(
                countersSeen.add(orderVersion + ":" + order.counter()), "a counter was used twice");
        assertTrue(order.counter() > lastCounter.getOrDefault(orderVersion, 0L));
        lastCounter.put(orderVersion, order.counter());
        assertTrue(orderVersion >= version, "the card went back to older keys");
        version = orderVersion;
        wanted = Math.max(wanted, version);
        byte[] reference = Tlvs.find(order.data(), 9).orElseThrow();
        byte[] before = paid.putIfAbsent(Vectors.hex(reference), order.data());
        if (before != null) {
            assertArrayEquals(before, order.data(), "one reference, two orders");
            repeats++;
        }
        List<byte[]> answers = new ArrayList<>();
        long number = Long.parseLong(Vectors.hex(reference), 16);
        answers.add(seal(Rig.reply(0, number, "Ref " + number)));
        if (rotating()) {
            answers.add(rekey());
        }
        return answers;
    }

    byte[] rekey() {
        int octet = wanted << 4 | 2;
        return seal(Issue.newKeys(wanted, octet, octet, keys(wanted)));
    }

    byte[] unblock() {
        return seal(Tlvs.command(3).octets());
    }

    private byte[] seal(byte[] data) {
        long counter = sent.merge(version, 1L, Long::sum);
        return Packets.seal(record(version, false), counter, data);
    }

    private Packets.Record record(int of, boolean orders) {
        SimKeys keys = keys(of);
        int octet = of << 4 | 2;
        return orders
                ? new Packets.Record(
                        keys.moKic(), keys.moKid(), octet, octet, issue.ordersTar, 0x16, 8)
                : new Packets.Record(
                        keys.mtKic(), keys.mtKid(), octet, octet, issue.confirmationsTar, 0x16, 8);
    }
}
