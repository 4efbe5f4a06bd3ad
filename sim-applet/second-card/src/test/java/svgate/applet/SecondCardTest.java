package svgate.applet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.licel.jcardsim.smartcardio.CardSimulator;
import com.licel.jcardsim.utils.AIDUtil;

import javacard.framework.AID;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

import javax.smartcardio.CommandAPDU;
import javax.smartcardio.ResponseAPDU;

/** AES-128 is what every card has: the vectors of longer keys are for the card of this project. */
class SecondCardTest {
    private static final Map<String, Integer> REFUSALS =
            Map.ofEntries(
                    Map.entry("malformed", 0x6A01),
                    Map.entry("insufficient_security_level", 0x6A03),
                    Map.entry("unknown_key", 0x6A04),
                    Map.entry("algorithm_refused", 0x6A05),
                    Map.entry("cc_length_refused", 0x6A06),
                    Map.entry("ciphering_error", 0x6A07),
                    Map.entry("cc_failed", 0x6A08),
                    Map.entry("cntr_blocked", 0x6A09),
                    Map.entry("cntr_low", 0x6A0A),
                    Map.entry("cntr_high", 0x6A0B));

    private CardSimulator card;

    /** P1: 0 for the card's own AES-CMAC, 1 for the applet's. */
    private int built;

    @BeforeEach
    void install() {
        card = new CardSimulator();
        AID aid = AIDUtil.create("F07376676174650F");
        card.installApplet(aid, PacketApplet.class);
        assertTrue(card.selectApplet(aid));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void theChecksumIsAesCmac(int p1) throws IOException {
        built = p1;
        int checked = 0;
        for (JsonObject vector : vectors("cmac_aes.json")) {
            String key = text(vector, "key");
            if (key.length() == 32) {
                register("16", "12", "12", 8, "b2f001", "0000000000", key, key);
                String tag = send(4, text(vector, "msg"));
                assertTrue(tag.startsWith(text(vector, "tag")), text(vector, "id"));
                checked++;
            }
        }
        assertEquals(3, checked);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void packetsAreSealedAndOpenedAsTheVectorsHaveThem(int p1) throws IOException {
        built = p1;
        int checked = 0;
        for (JsonObject vector : vectors("generated_commands_aes.json")) {
            if (vector.get("key_bits").getAsInt() != 128) {
                continue;
            }
            String spi1 = text(vector, "spi").substring(0, 2);
            long counter = Long.parseLong(text(vector, "cntr"), 16);
            register(vector, spi1, String.format("%010x", counter - 1));
            assertEquals(
                    text(vector, "secured_data") + "9000",
                    send(3, text(vector, "packet")) + "9000",
                    text(vector, "id"));
            if (text(vector, "spi").endsWith("00")) {
                register(vector, spi1, text(vector, "cntr"));
                assertEquals(text(vector, "packet"), send(2, text(vector, "secured_data")));
            }
            checked++;
        }
        assertEquals(16, checked);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void badPacketsAreRefusedInTheirClass(int p1) throws IOException {
        built = p1;
        int checked = 0;
        for (JsonObject vector : vectors("negative_commands.json")) {
            JsonObject registered = vector.getAsJsonObject("registered");
            register(
                    "12",
                    text(registered, "kic_byte"),
                    text(registered, "kid_byte"),
                    registered.get("cc_len").getAsInt(),
                    text(registered, "tar"),
                    text(registered, "stored_cntr"),
                    text(vector, "kic"),
                    text(vector, "kid"));
            String expected = text(vector, "expect");
            int status = transmit(3, text(vector, "packet")).getSW();
            int right =
                    expected.equals("malformed_or_ignored_bit") ? 0x9000 : REFUSALS.get(expected);
            assertEquals(right, status, text(vector, "id"));
            checked++;
        }
        assertEquals(22, checked);
    }

    private void register(JsonObject vector, String spi1, String counter) {
        register(
                spi1,
                text(vector, "kic_byte"),
                text(vector, "kid_byte"),
                vector.get("cc_len").getAsInt(),
                text(vector, "tar"),
                counter,
                text(vector, "kic"),
                text(vector, "kid"));
    }

    private void register(
            String spi1,
            String kicOctet,
            String kidOctet,
            int ccOctets,
            String tar,
            String counter,
            String kic,
            String kid) {
        String head = spi1 + kicOctet + kidOctet + String.format("%02x", ccOctets);
        assertEquals("", send(1, head + tar + counter + kic + kid));
    }

    private String send(int instruction, String data) {
        ResponseAPDU response = transmit(instruction, data);
        assertEquals(0x9000, response.getSW());
        return java.util.HexFormat.of().formatHex(response.getData());
    }

    private ResponseAPDU transmit(int instruction, String data) {
        byte[] octets = java.util.HexFormat.of().parseHex(data);
        return card.transmitCommand(new CommandAPDU(0x80, instruction, built, 0, octets, 256));
    }

    private static String text(JsonObject vector, String member) {
        return vector.get(member).getAsString();
    }

    private static List<JsonObject> vectors(String file) throws IOException {
        String json = Files.readString(Path.of(System.getProperty("vectors"), file));
        return JsonParser.parseString(json)
                .getAsJsonObject()
                .getAsJsonArray("vectors")
                .asList()
                .stream()
                .map(JsonElement::getAsJsonObject)
                .toList();
    }
}
