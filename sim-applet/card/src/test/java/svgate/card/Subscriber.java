package svgate.card;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import svgate.issuer.Packets;
import svgate.issuer.Tlvs;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.List;
import java.util.Random;

/**
 * A subscriber who types anything, on a phone that answers anything, and who notices when an order
 * goes out that was not agreed to.
 */
final class Subscriber implements Rig.Answers {
    /** After so many answers the phone ends the session, whatever is asked. */
    private static final int PATIENCE = 40;

    private static final int[] RESULTS = {
        0x00, 0x01, 0x02, 0x04, 0x06, 0x07, 0x10, 0x11, 0x12, 0x13, 0x14, 0x20, 0x21, 0x22, 0x23,
        0x26, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x7F, 0x80, 0xFF,
    };
    private static final List<String> PINS = List.of("1234", "5555", "98765432");
    private static final List<String> ENTRIES =
            List.of(
                    "4711",
                    "100",
                    "99999",
                    "007",
                    "12",
                    "A1",
                    "zz9",
                    "ABCDEFGH",
                    "1",
                    "99",
                    "0",
                    "2.50",
                    "10",
                    "0,05",
                    "2.5",
                    "999999999999",
                    "83920171",
                    "83920172",
                    "12345678");

    private final Rig rig;
    private final Random random;
    private final Session session = new Session();
    private int answers;
    int orders;

    Subscriber(Rig rig, Random random) {
        this.rig = rig;
        this.random = random;
    }

    void begin() {
        answers = 0;
        session.agreed = null;
        session.proved = false;
        session.demanded = true;
    }

    @Override
    public byte[] answer(Proactive command) {
        answers++;
        assertTrue(answers < PATIENCE + 6, "the applet does not let go");
        byte[] answer = answers > PATIENCE ? Proactive.result(0x10) : choose(command);
        session.note(command, answer);
        return answer;
    }

    private byte[] choose(Proactive command) {
        int dice = random.nextInt(100);
        if (dice < 2) {
            return malformed();
        }
        if (dice < 12) {
            return Proactive.result(RESULTS[random.nextInt(RESULTS.length)], random.nextInt(256));
        }
        if (dice < 16) {
            return Proactive.result(0x11);
        }
        return switch (command.type()) {
            case Proactive.SELECT_ITEM ->
                    dice < 20
                            ? Proactive.chosen(random.nextInt(256))
                            : Proactive.chosen(
                                    command.items().get(random.nextInt(command.items().size())));
            case Proactive.GET_INPUT -> typed(command);
            default -> Rig.ok();
        };
    }

    private byte[] typed(Proactive command) {
        if (command.hidden()) {
            String pin =
                    random.nextInt(4) > 0
                            ? Inside.of(rig).digits()
                            : PINS.get(random.nextInt(PINS.size()));
            return Proactive.typed(pin);
        }
        int most = command.lengths()[1];
        if (random.nextInt(20) == 0) {
            // A phone that does not keep to the lengths it was told.
            return Proactive.typed("7".repeat(random.nextInt(120)));
        }
        String entry = ENTRIES.get(random.nextInt(ENTRIES.size()));
        for (int i = 0;
                i < 30 && (entry.length() > most || entry.length() < command.lengths()[0]);
                i++) {
            entry = ENTRIES.get(random.nextInt(ENTRIES.size()));
        }
        return Proactive.typed(entry);
    }

    private byte[] malformed() {
        byte[] junk = new byte[random.nextInt(24)];
        random.nextBytes(junk);
        return switch (random.nextInt(5)) {
            case 0 -> new byte[0];
            case 1 -> junk;
            case 2 -> Packets.join(Proactive.result(0), TlvList.withLength((byte) 0x8D, junk));
            case 3 -> Packets.join(Proactive.result(0), new byte[] {(byte) 0x90, 0});
            default -> new byte[] {(byte) 0x83, 0};
        };
    }

    /** What was agreed to and proved so far in one event. */
    private final class Session {
        private long lastCounter;
        private String agreed;
        private boolean proved;
        private boolean demanded;

        void note(Proactive command, byte[] answer) {
            if (command.sends()) {
                sent(command);
            } else if (command.type() == Proactive.DISPLAY_TEXT && hasPrice(command)) {
                agreed = result(answer) == 0 ? command.text() : null;
            } else if (command.hidden() && result(answer) == 0) {
                proved |= typedText(answer).equals(Inside.of(rig).digits());
            }
        }

        /** The subscriber was asked about an order: everything else on the screen is no consent. */
        private boolean hasPrice(Proactive command) {
            return command.text().contains("\nAt most ") || command.text().contains("\nPrice ");
        }

        private void sent(Proactive command) {
            Packets.Opened order = open(command);
            assertTrue(order.counter() > lastCounter, "counter " + order.counter());
            lastCounter = order.counter();
            assertTrue(
                    agreed != null && agreed.endsWith(rendered(order.data())),
                    () -> "agreed to " + agreed + ", sent " + Vectors.hex(order.data()));
            if (demanded && demands(order.data())) {
                assertTrue(proved, "sent without a PIN");
            }
            // Sent again in one sitting: the PIN stands, the consent does not.
            demanded = false;
            agreed = null;
            orders++;
        }

        private boolean demands(byte[] order) {
            BigInteger amount = new BigInteger(1, Tlvs.find(order, 5).orElseThrow());
            return rig.issue.pinPolicy == 1
                    || rig.issue.pinPolicy == 2
                            && amount.compareTo(BigInteger.valueOf(rig.issue.pinAbove)) > 0;
        }
    }

    private static int result(byte[] answer) {
        byte[] result = element(answer, 0x03);
        return result.length > 0 ? result[0] & 0xFF : -1;
    }

    private static String typedText(byte[] answer) {
        byte[] text = element(answer, 0x0D);
        return text.length > 1 ? new String(text, 1, text.length - 1) : "";
    }

    private static byte[] element(byte[] answer, int tag) {
        TlvList list = new TlvList();
        list.load(answer);
        if (list.findTLV((byte) tag, (byte) 1) == 0) {
            return new byte[0];
        }
        byte[] value = new byte[list.getValueLength()];
        for (int i = 0; i < value.length; i++) {
            value[i] = list.getValueByte((short) i);
        }
        return value;
    }

    private Packets.Opened open(Proactive command) {
        if (!rig.issue.ussd) {
            return rig.open(command);
        }
        String text = PurchaseTest.septets(command.payload());
        String digits = text.substring(rig.issue.ussdPrefix.length());
        long counter = Long.parseLong(digits.substring(0, 10), 16);
        return new Packets.Opened(
                counter, Vectors.hex(digits.substring(12, digits.length() - 8).toLowerCase()));
    }

    /** The order as a person would read it, written apart from the applet's own screen. */
    private static String rendered(byte[] order) {
        StringBuilder text = new StringBuilder();
        Tlvs.find(order, 3)
                .ifPresent(
                        item ->
                                text.append('\n')
                                        .append(new String(item))
                                        .append(" x")
                                        .append(Tlvs.find(order, 4).orElseThrow()[0]));
        Tlvs.find(order, 2)
                .ifPresent(
                        code ->
                                text.append(text.isEmpty() ? "\n>" : " >")
                                        .append(new BigInteger(Vectors.hex(code))));
        Tlvs.find(order, 8).ifPresent(pon -> text.append('\n').append(Vectors.hex(pon)));
        boolean exact = Tlvs.find(order, 7).orElseThrow()[0] == 1;
        BigDecimal amount = new BigDecimal(new BigInteger(1, Tlvs.find(order, 5).orElseThrow()), 2);
        assertNotNull(Tlvs.find(order, 9));
        assertEquals("0978", Vectors.hex(Tlvs.find(order, 6).orElseThrow()));
        return text.append('\n')
                .append(exact ? "Price " : "At most ")
                .append(amount)
                .append(" EUR")
                .toString();
    }
}
