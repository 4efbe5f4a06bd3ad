package svgate.issuer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * What one card is issued with, and the APDUs that bring it there, sealed under its transport keys.
 * Every setting has the value that the gateway's own demonstration uses.
 */
public final class Issue {
    /** AID of the applet: a proprietary one, F0 and the letters of its name. */
    public static final byte[] AID = HexFormat.of().parseHex("f073766761746501");

    public byte[] transportKic = HexFormat.of().parseHex("404142434445464748494a4b4c4d4e4f");
    public byte[] transportKid = HexFormat.of().parseHex("505152535455565758595a5b5c5d5e5f");
    public int keyVersion = 1;
    public int kicOctet = 0x12;
    public int kidOctet = 0x12;
    public SimKeys keys = SimKeys.derive(new byte[32], "8988211000000000003", 1);
    public byte[] ordersTar = HexFormat.of().parseHex("b2f001");
    public byte[] confirmationsTar = HexFormat.of().parseHex("b2f002");
    public int ordersSpi = 0x16;
    public int confirmationsSpi = 0x16;
    public int ccOctets = 8;
    public int currency = 0x0978;
    public int exponent = 2;
    public String currencyCode = "EUR";
    public int pinPolicy = 1;
    public long pinAbove;
    public boolean ussd;
    public int pid = 0x7F;
    public int dcs = 0xF6;
    public int headerElement = 0x70;
    public String pin = "1234";
    public String puk = "12345678";
    public String ussdPrefix = "*778*";
    public String service = "778";
    public int serviceTypeOfNumber = 0xB1;
    public List<String> languages = List.of("en", "de", "fr", "ar");

    private long counter;

    /** The parameters of install: AID, privileges, own parameters, the transport keys last. */
    public byte[] installData() {
        byte[] own = Packets.join(transportKic, transportKid);
        return Packets.join(
                new byte[] {(byte) AID.length},
                AID,
                new byte[] {0},
                new byte[] {(byte) own.length},
                own);
    }

    public Packets.Record orders() {
        return new Packets.Record(
                keys.moKic(), keys.moKid(), kicOctet, kidOctet, ordersTar, ordersSpi, ccOctets);
    }

    public Packets.Record confirmations() {
        return new Packets.Record(
                keys.mtKic(),
                keys.mtKid(),
                kicOctet,
                kidOctet,
                confirmationsTar,
                confirmationsSpi,
                ccOctets);
    }

    public static byte[] select() {
        return Packets.join(new byte[] {0, (byte) 0xA4, 4, 0, (byte) AID.length}, AID);
    }

    /** Every command of personalisation, in order; the last one ends it for good. */
    public List<byte[]> script() {
        List<byte[]> script = new ArrayList<>();
        script.add(storeData(newKeys(keyVersion, kicOctet, kidOctet, keys)));
        script.add(storeData(profile()));
        script.add(storeData(service(service, serviceTypeOfNumber)));
        if (pin != null) {
            script.add(storeData(Tlvs.command(0x03).with(0xA6, ascii(pin)).octets()));
        }
        for (int language = 0; language < languages.size(); language++) {
            CardTexts texts = CardTexts.of(languages.get(language));
            for (int number = 0; number < CardTexts.COUNT; number++) {
                script.add(storeData(text(language, number, texts.coded(number))));
            }
        }
        script.add(storeData(Tlvs.command(0x1F).octets()));
        return script;
    }

    public static byte[] newKeys(int version, int kicOctet, int kidOctet, SimKeys keys) {
        return Tlvs.command(0x02)
                .with(0xA2, version)
                .with(0xA3, kicOctet, kidOctet)
                .with(0xA4, keys.octets())
                .with(0xA5, keys.checkValues())
                .octets();
    }

    public static byte[] text(int language, int number, byte[] coded) {
        return Tlvs.command(0x04)
                .with(0xA7, language)
                .with(0xA8, number)
                .with(0x93, coded)
                .octets();
    }

    public static byte[] service(String digits, int typeOfNumber) {
        byte[] swapped = SimKeys.iccidOctets(digits);
        byte[] address = {(byte) digits.length(), (byte) typeOfNumber};
        byte[] bcd = Arrays.copyOf(swapped, (digits.length() + 1) / 2);
        return Tlvs.command(0x05).with(0xA9, Packets.join(address, bcd)).octets();
    }

    private byte[] profile() {
        byte[] above = new byte[9];
        above[0] = (byte) pinPolicy;
        for (int i = 0; i < 8; i++) {
            above[1 + i] = (byte) (pinAbove >> (56 - 8 * i));
        }
        Tlvs profile =
                Tlvs.command(0x10)
                        .with(0xAB, Packets.join(ordersTar, confirmationsTar))
                        .with(0xAC, ordersSpi, confirmationsSpi, ccOctets)
                        .with(
                                0xAD,
                                Packets.join(
                                        new byte[] {
                                            (byte) (currency >> 8), (byte) currency, (byte) exponent
                                        },
                                        ascii(currencyCode)))
                        .with(0xAE, above)
                        .with(0xAA, ussd ? 1 : 0, pid, dcs, headerElement);
        if (puk != null) {
            profile.with(0xAF, ascii(puk));
        }
        if (ussd) {
            profile.with(0xB0, ascii(ussdPrefix));
        }
        return profile.octets();
    }

    /** Seals one command under the transport keys and the next counter. */
    public byte[] storeData(byte[] data) {
        counter++;
        Packets.Record transport =
                new Packets.Record(
                        transportKic,
                        transportKid,
                        0xF2,
                        0xF2,
                        new byte[] {(byte) 0xB0, 0, 0},
                        0x16,
                        8);
        byte[] packet = Packets.seal(transport, counter, data);
        byte[] head = {(byte) 0x80, (byte) 0xE2, 0, 0, (byte) packet.length};
        return Packets.join(head, packet);
    }

    private static byte[] ascii(String text) {
        return text.getBytes(java.nio.charset.StandardCharsets.US_ASCII);
    }
}
