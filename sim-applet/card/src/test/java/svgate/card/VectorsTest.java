package svgate.card;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import svgate.issuer.Packets;
import svgate.issuer.SimKeys;

import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

import javax.crypto.spec.SecretKeySpec;

/** The applet's own packet code against the vectors that the gateway's tests read. */
class VectorsTest {
    private static final Map<String, Integer> REFUSALS =
            Map.ofEntries(
                    Map.entry("malformed", -1),
                    Map.entry("unknown_tar", -2),
                    Map.entry("insufficient_security_level", -3),
                    Map.entry("unknown_key", -4),
                    Map.entry("algorithm_refused", -5),
                    Map.entry("cc_length_refused", -6),
                    Map.entry("ciphering_error", -7),
                    Map.entry("cc_failed", -8),
                    Map.entry("cntr_blocked", -9),
                    Map.entry("cntr_low", -10),
                    Map.entry("cntr_high", -11));

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theChecksumIsAesCmacWithAndWithoutTheCardsOwn(boolean hasCmac) {
        List<JsonObject> vectors = Vectors.list(Vectors.file("cmac_aes.json"), "vectors");
        assertEquals(8, vectors.size());
        probe(
                hasCmac,
                probe -> {
                    for (JsonObject vector : vectors) {
                        byte[] key = Vectors.hex(vector, "key");
                        byte[] message = Vectors.hex(vector, "msg");
                        String tag = vector.get("tag").getAsString();
                        String id = vector.get("id").getAsString();
                        assertTrue(Vectors.hex(probe.cmac(key, message)).startsWith(tag), id);
                        assertTrue(
                                Vectors.hex(Aes.cmac(new SecretKeySpec(key, "AES"), message))
                                        .startsWith(tag),
                                id);
                    }
                });
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void everyCommandPacketIsSealedAndOpenedAsTheVectorsHaveIt(boolean hasCmac) {
        List<JsonObject> vectors =
                Vectors.list(Vectors.file("generated_commands_aes.json"), "vectors");
        assertEquals(27, vectors.size());
        probe(
                hasCmac,
                probe -> {
                    for (JsonObject vector : vectors) {
                        String id = vector.get("id").getAsString();
                        byte[] spi = Vectors.hex(vector, "spi");
                        byte[] data = Vectors.hex(vector, "secured_data");
                        long counter = Long.parseLong(vector.get("cntr").getAsString(), 16);
                        Packets.Record record = record(vector);
                        // The second octet of SPI asks for a proof of receipt, which the applet
                        // never does.
                        assertArrayEquals(
                                Vectors.hex(vector, "packet"),
                                Packets.seal(record, spi[1], counter, data),
                                id);
                        register(probe, vector, spi[0], Vectors.hex(vector, "cntr"));
                        assertArrayEquals(
                                Packets.seal(record, counter, data), probe.seal(data), id);

                        byte[] before = counter(Math.max(0, counter - 1));
                        register(probe, vector, spi[0], before);
                        Object result = probe.open(Vectors.hex(vector, "packet"));
                        assertArrayEquals(data, assertInstanceOf(byte[].class, result, id), id);
                    }
                });
    }

    @Test
    void everyBadPacketIsRefusedInItsClass() {
        List<JsonObject> vectors = Vectors.list(Vectors.file("negative_commands.json"), "vectors");
        assertEquals(22, vectors.size());
        probe(
                false,
                probe -> {
                    for (JsonObject vector : vectors) {
                        String id = vector.get("id").getAsString();
                        JsonObject registered = vector.getAsJsonObject("registered");
                        probe.register(
                                Vectors.hex(vector, "kic"),
                                Vectors.hex(vector, "kid"),
                                Vectors.hex(registered, "kic_byte")[0],
                                Vectors.hex(registered, "kid_byte")[0],
                                Vectors.hex(registered, "tar"),
                                (byte) 0x12,
                                registered.get("cc_len").getAsByte(),
                                Vectors.hex(registered, "stored_cntr"));
                        Object result = probe.open(Vectors.hex(vector, "packet"));
                        String expected = vector.get("expect").getAsString();
                        if (expected.equals("malformed_or_ignored_bit")) {
                            // Reserved bits are under the checksum and otherwise ignored, as in the
                            // gateway.
                            assertInstanceOf(byte[].class, result, id);
                        } else {
                            assertEquals(REFUSALS.get(expected), result, id);
                        }
                    }
                });
    }

    @Test
    void repliesAreReadByTheRulesOfTheGateway() {
        JsonObject file = Vectors.file("orders.json");
        List<JsonObject> good = Vectors.list(file, "replies");
        List<JsonObject> bad = Vectors.list(file, "bad_replies");
        assertEquals(4, good.size());
        assertEquals(11, bad.size());
        probe(
                false,
                probe -> {
                    good.forEach(
                            v -> assertTrue(probe.isReply(Vectors.hex(v, "hex")), v.toString()));
                    bad.forEach(
                            v -> assertTrue(!probe.isReply(Vectors.hex(v, "hex")), v.toString()));
                });
    }

    @Test
    void keysAreDerivedAsNistHasIt() {
        List<JsonObject> vectors =
                Vectors.list(Vectors.file("kbkdf_sp800_108_ctr_cmac.json"), "vectors").stream()
                        .filter(v -> v.get("r_bits").getAsInt() == 8)
                        .toList();
        assertEquals(24, vectors.size());
        for (JsonObject vector : vectors) {
            byte[] input = Packets.join(new byte[] {1}, Vectors.hex(vector, "fixed_input"));
            byte[] block = Aes.cmac(new SecretKeySpec(Vectors.hex(vector, "ki"), "AES"), input);
            byte[] output = Vectors.hex(vector, "ko");
            int length = Math.min(16, output.length);
            assertEquals(
                    Vectors.hex(output).substring(0, 2 * length),
                    Vectors.hex(block).substring(0, 2 * length));
        }
        // The input of a card's key, written out: counter, label, 00, version, ICCID, length.
        byte[] master = new byte[32];
        String input =
                "01"
                        + Vectors.hex("svgate-mt-kid".getBytes())
                        + "0003"
                        + "988812010000000000f3"
                        + "0080";
        assertArrayEquals(
                Aes.cmac(new SecretKeySpec(master, "AES"), Vectors.hex(input)),
                SimKeys.derive(master, "8988211000000000003", 3).mtKid());
    }

    @Test
    void amountsAreWrittenAndReadWithoutInt() {
        probe(
                false,
                probe -> {
                    for (long amount :
                            new long[] {
                                0,
                                1,
                                9,
                                10,
                                99,
                                100,
                                250,
                                65_535,
                                65_536,
                                999_999_999_999L,
                                Long.MAX_VALUE
                            }) {
                        for (byte exponent = 0; exponent <= 3; exponent++) {
                            String digits = BigInteger.valueOf(amount).toString();
                            String padded =
                                    "0".repeat(Math.max(0, exponent + 1 - digits.length()))
                                            + digits;
                            assertEquals(padded, probe.digits(octets(amount), exponent));
                        }
                    }
                    assertArrayEquals(octets(250), probe.typed("2.50", (byte) 2));
                    assertArrayEquals(octets(250), probe.typed("2*50", (byte) 2));
                    assertArrayEquals(octets(200), probe.typed("2", (byte) 2));
                    assertArrayEquals(octets(500), probe.typed("500", (byte) 0));
                    assertArrayEquals(octets(1_250), probe.typed("1,250", (byte) 3));
                    for (String bad :
                            List.of(
                                    "",
                                    ".",
                                    "2.5",
                                    "2.500",
                                    "2..50",
                                    ".50",
                                    "0",
                                    "0.00",
                                    "2x",
                                    "-1",
                                    "1234567890123")) {
                        assertNull(probe.typed(bad, (byte) 2), bad);
                    }
                });
    }

    private static void probe(boolean hasCmac, Consumer<Probe> use) {
        Card card = new Card(hasCmac);
        card.inThisCard(
                () -> {
                    AppletLoader loader = new AppletLoader("svgate.applet", Map.of());
                    try {
                        Class<?> type = loader.loadClass("svgate.applet.ProbeApplet");
                        Object probe = type.getConstructor().newInstance();
                        use.accept((Probe) probe);
                    } catch (ReflectiveOperationException e) {
                        throw new IllegalStateException(e);
                    }
                });
    }

    private static void register(Probe probe, JsonObject vector, byte spi, byte[] counter) {
        probe.register(
                Vectors.hex(vector, "kic"),
                Vectors.hex(vector, "kid"),
                Vectors.hex(vector, "kic_byte")[0],
                Vectors.hex(vector, "kid_byte")[0],
                Vectors.hex(vector, "tar"),
                spi,
                vector.get("cc_len").getAsByte(),
                counter);
    }

    private static Packets.Record record(JsonObject vector) {
        return new Packets.Record(
                Vectors.hex(vector, "kic"),
                Vectors.hex(vector, "kid"),
                Vectors.hex(vector, "kic_byte")[0],
                Vectors.hex(vector, "kid_byte")[0],
                Vectors.hex(vector, "tar"),
                Vectors.hex(vector, "spi")[0],
                vector.get("cc_len").getAsInt());
    }

    private static byte[] counter(long counter) {
        return Vectors.hex(String.format("%010x", counter));
    }

    private static byte[] octets(long amount) {
        return Vectors.hex(String.format("%016x", amount));
    }
}
