package svgate.card;

import svgate.issuer.Issue;
import svgate.issuer.SimKeys;

import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/** Installs and personalises one card, and puts it on a TCP port. */
public final class Main {
    private static final String USAGE =
            """
usage: java -jar svgate-card.jar [--port N] [--master FILE --iccid DIGITS [--key-version N]]
                                 [--pin DIGITS] [--puk DIGITS] [--service DIGITS]
                                 [--bearer sms|ussd] [--script FILE] [--transport HEX]
                                 [--print-keys]

  --port         listens on 127.0.0.1, 35963 unless told otherwise; 0 takes a free one
  --master       the gateway's key file (svgate-master-1 and 64 hex digits)
  --iccid        the card's number, 18 to 20 digits
  --key-version  1 unless told otherwise
  --service      the number that orders are sent to, 778 unless told otherwise
  --bearer       how orders go out: sms unless told otherwise, or ussd, with checksums of four
                 octets and no ciphering of orders
  --script       personalises by these APDUs, one a line in hex, instead
  --transport    the transport keys of that script, KIc and KID, 64 hex digits
  --print-keys   prints the card's order keys as `svgate packet --keys` reads them: for
                 tests, never with keys that are in use
""";
    private static final int PORT = 35_963;
    private static final String MASTER_VERSION = "svgate-master-1";

    private Main() {}

    public static void main(String[] arguments) throws IOException {
        Map<String, String> options = options(arguments);
        Issue issue = new Issue();
        issue.pin = options.getOrDefault("--pin", issue.pin);
        issue.puk = options.getOrDefault("--puk", issue.puk);
        issue.service = options.getOrDefault("--service", issue.service);
        issue.keyVersion = Integer.parseInt(options.getOrDefault("--key-version", "1"));
        if (options.containsKey("--master")) {
            byte[] master = master(Path.of(options.get("--master")));
            String iccid = options.getOrDefault("--iccid", "");
            if (!iccid.matches("\\d{18,20}")) {
                fail("--iccid: 18 to 20 digits");
            }
            issue.keys = SimKeys.derive(master, iccid, issue.keyVersion);
        }
        switch (options.getOrDefault("--bearer", "sms")) {
            case "sms" -> {}
            case "ussd" -> {
                issue.ussd = true;
                issue.ordersSpi = 0x12;
                issue.ccOctets = 4;
            }
            default -> fail("--bearer: sms or ussd");
        }
        if (options.containsKey("--transport")) {
            byte[] transport = transport(options.get("--transport"));
            issue.transportKic = Arrays.copyOf(transport, 16);
            issue.transportKid = Arrays.copyOfRange(transport, 16, 32);
        }
        if (options.containsKey("--print-keys")) {
            System.out.println(keysOf(issue));
        }
        Card card = issued(issue, options.get("--script"));
        int port = Integer.parseInt(options.getOrDefault("--port", Integer.toString(PORT)));
        try (VpcdServer server = new VpcdServer(card, InetAddress.getLoopbackAddress(), port)) {
            System.out.println("card listening on 127.0.0.1:" + server.port());
            server.run();
        } catch (BindException e) {
            fail("--port " + port + ": " + e.getMessage());
        }
    }

    private static Card issued(Issue issue, String scriptFile) throws IOException {
        Card card = new Card(false);
        card.install(
                new AppletLoader("svgate.applet", Map.of()),
                "svgate.applet.PayApplet",
                issue.installData());
        card.transmit(Issue.select());
        List<byte[]> script = scriptFile == null ? issue.script() : script(Path.of(scriptFile));
        for (byte[] apdu : script) {
            byte[] status = card.transmit(apdu);
            if (status[0] != (byte) 0x90) {
                fail("personalisation: " + HexFormat.of().formatHex(status));
            }
        }
        card.reset();
        return card;
    }

    private static List<byte[]> script(Path file) throws IOException {
        return Files.readAllLines(file).stream()
                .filter(line -> !line.isBlank() && !line.startsWith("#"))
                .map(line -> HexFormat.of().parseHex(line.strip()))
                .toList();
    }

    private static byte[] master(Path file) throws IOException {
        String[] words = Files.readString(file, StandardCharsets.US_ASCII).strip().split(" ");
        if (words.length != 2 || !words[0].equals(MASTER_VERSION) || words[1].length() != 64) {
            fail(file + ": not `" + MASTER_VERSION + "`, a space and 64 hex digits");
        }
        return HexFormat.of().parseHex(words[1]);
    }

    private static byte[] transport(String digits) {
        if (!digits.matches("[0-9a-fA-F]{64}")) {
            fail("--transport: 64 hex digits");
        }
        return HexFormat.of().parseHex(digits);
    }

    private static String keysOf(Issue issue) {
        HexFormat hex = HexFormat.of();
        return String.format(
                "{\"kic\":\"%s\",\"kid\":\"%s\",\"kic_octet\":\"%02x\",\"kid_octet\":\"%02x\","
                    + "\"spi1_min\":\"%02x\",\"tar\":\"%s\",\"cc_octets\":%d,\"last_counter\":0}",
                hex.formatHex(issue.keys.moKic()),
                hex.formatHex(issue.keys.moKid()),
                issue.kicOctet,
                issue.kidOctet,
                issue.ordersSpi,
                hex.formatHex(issue.ordersTar),
                issue.ccOctets);
    }

    private static Map<String, String> options(String[] arguments) {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i < arguments.length; i++) {
            switch (arguments[i]) {
                case "--print-keys" -> options.put(arguments[i], "");
                case "--port",
                        "--master",
                        "--iccid",
                        "--key-version",
                        "--pin",
                        "--puk",
                        "--service",
                        "--bearer",
                        "--script",
                        "--transport" -> {
                    if (i + 1 == arguments.length) {
                        fail(arguments[i] + " needs a value");
                    }
                    options.put(arguments[i], arguments[++i]);
                }
                default -> fail("no option " + arguments[i]);
            }
        }
        return options;
    }

    private static void fail(String message) {
        System.err.println(message);
        System.err.print(USAGE);
        System.exit(2);
    }
}
