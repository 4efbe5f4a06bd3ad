package svgate.issuer;

import svgate.card.Aes;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * The keys of one card and version from the gateway's master: NIST SP 800-108r1 §4.1, counter mode
 * with AES-CMAC, the counter one octet in front.
 *
 * <pre>
 * | 01 | "svgate-mo-kic" | 00 | key version 1 | ICCID 10 | 00 80 |   ...-mo-kid, -mt-kic, -mt-kid
 * </pre>
 */
public record SimKeys(byte[] moKic, byte[] moKid, byte[] mtKic, byte[] mtKid) {
    public static SimKeys derive(byte[] master, String iccid, int version) {
        return new SimKeys(
                derive(master, "svgate-mo-kic", iccid, version),
                derive(master, "svgate-mo-kid", iccid, version),
                derive(master, "svgate-mt-kic", iccid, version),
                derive(master, "svgate-mt-kid", iccid, version));
    }

    /** The four keys one after the other, as a card takes them. */
    public byte[] octets() {
        return Packets.join(moKic, moKid, mtKic, mtKid);
    }

    /** The check value of each key: three octets of AES over sixteen times 01. */
    public byte[] checkValues() {
        byte[] ones = new byte[16];
        Arrays.fill(ones, (byte) 1);
        byte[] values = new byte[0];
        for (byte[] key : new byte[][] {moKic, moKid, mtKic, mtKid}) {
            values = Packets.join(values, Arrays.copyOf(Aes.encipher(Packets.aes(key), ones), 3));
        }
        return values;
    }

    private static byte[] derive(byte[] master, String label, String iccid, int version) {
        byte[] input =
                Packets.join(
                        new byte[] {1},
                        label.getBytes(StandardCharsets.US_ASCII),
                        new byte[] {0, (byte) version},
                        iccidOctets(iccid),
                        new byte[] {0, (byte) 128});
        return Aes.cmac(Packets.aes(master), input);
    }

    /** EF-ICCID: digits two in an octet, the first in the low half, F behind an odd number. */
    static byte[] iccidOctets(String iccid) {
        StringBuilder swapped = new StringBuilder();
        String even = iccid.length() % 2 == 0 ? iccid : iccid + "f";
        for (int i = 0; i < even.length(); i += 2) {
            swapped.append(even.charAt(i + 1)).append(even.charAt(i));
        }
        byte[] octets = HexFormat.of().parseHex(swapped);
        byte[] padded = Arrays.copyOf(octets, 10);
        Arrays.fill(padded, octets.length, 10, (byte) 0xFF);
        return padded;
    }
}
