package svgate.card;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import svgate.issuer.Issue;
import svgate.issuer.Packets;
import svgate.issuer.Tlvs;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The card against the gateway's own program, when the environment has SVGATE name it. */
class SvgatePeerTest {
    private final Rig rig = new Rig();
    @TempDir Path folder;
    private String svgate;

    @BeforeEach
    void find() {
        svgate = System.getenv("SVGATE");
        if (svgate == null) {
            System.out.println(
                    "SVGATE is unset: the card was not tried against the gateway's program");
        }
        assumeTrue(svgate != null, "SVGATE is unset");
        rig.ready();
    }

    @Test
    void theGatewayOpensEveryOrderOfTheCard() throws Exception {
        Path keys = keys("orders.json", rig.issue.orders(), 0);
        for (int counter = 1; counter <= 20; counter++) {
            rig.menu(Rig.inTurn(Rig.purchase("1234")));
            byte[] packet = rig.seen.get(7).packet();
            JsonObject opened =
                    run(0, null, "packet", "open", "--keys", keys.toString(), Vectors.hex(packet));
            assertEquals(counter, opened.get("counter").getAsInt());
            assertEquals(
                    Vectors.hex(rig.open(rig.seen.get(7)).data()),
                    opened.get("data").getAsString());
            packet[packet.length - 1] ^= 1;
            JsonObject refused =
                    run(3, null, "packet", "open", "--keys", keys.toString(), Vectors.hex(packet));
            assertEquals("cc_failed", refused.get("refused").getAsString());
        }
    }

    @Test
    void theCardTakesConfirmationsAndCommandsThatTheGatewaySealed() throws Exception {
        Path keys = keys("confirmations.json", rig.issue.confirmations(), 0);
        rig.menu(Rig.inTurn(Rig.purchase("1234")));
        rig.deliver(sealed(keys, 1, Rig.reply(0, 1, "1 x Tea")), Rig.inTurn(Rig.ok()));
        assertEquals("Paid 2.50 EUR\n1 x Tea", rig.seen.get(0).text());
        rig.deliver(
                sealed(keys, 2, Operations.anOffer()),
                Rig.inTurn(Rig.ok(), Proactive.typed("1234"), Rig.ok(), Rig.ok()));
        assertTrue(rig.seen.stream().anyMatch(Proactive::sends));
        rig.deliver(sealed(keys, 3, Tlvs.command(6).octets()), Rig.inTurn());
        assertEquals("010101019000", rig.send(Vectors.hex("80ca000104")));
        rig.deliver(sealed(keys, 4, Issue.newKeys(2, 0x22, 0x22, Operations.SECOND)), Rig.inTurn());
        assertEquals("010101029000", rig.send(Vectors.hex("80ca000104")));
    }

    private byte[] sealed(Path keys, int counter, byte[] data) throws Exception {
        JsonObject sealed =
                run(
                        0,
                        Vectors.hex(data),
                        "packet",
                        "seal",
                        "--keys",
                        keys.toString(),
                        "--counter",
                        Integer.toString(counter),
                        "--spi",
                        "1600");
        return Vectors.hex(sealed.get("packet").getAsString());
    }

    private Path keys(String name, Packets.Record record, long lastCounter) throws IOException {
        JsonObject keys = new JsonObject();
        keys.addProperty("kic", Vectors.hex(record.kic()));
        keys.addProperty("kid", Vectors.hex(record.kid()));
        keys.addProperty("kic_octet", String.format("%02x", record.kicOctet()));
        keys.addProperty("kid_octet", String.format("%02x", record.kidOctet()));
        keys.addProperty("spi1_min", String.format("%02x", record.spi1()));
        keys.addProperty("tar", Vectors.hex(record.tar()));
        keys.addProperty("cc_octets", record.ccOctets());
        keys.addProperty("last_counter", lastCounter);
        return Files.writeString(folder.resolve(name), keys.toString());
    }

    private JsonObject run(int status, String input, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(svgate));
        command.addAll(List.of(arguments));
        Process process =
                new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        if (input != null) {
            process.getOutputStream().write(input.getBytes(StandardCharsets.US_ASCII));
        }
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(status, process.waitFor(), output);
        return JsonParser.parseString(output).getAsJsonObject();
    }
}
