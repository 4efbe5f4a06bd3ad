package svgate.applet;

import javacard.framework.APDU;
import javacard.framework.Applet;
import javacard.security.AESKey;
import javacard.security.KeyBuilder;

import svgate.card.Probe;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Reaches into the applet's package for tests, on a card like any other applet. */
public final class ProbeApplet extends Applet implements Probe {
    private static final byte[] REPLY = {
        Tlv.OUTCOME, Tlv.REFERENCE, Tlv.AMOUNT, Tlv.CURRENCY, Tlv.PURCHASE, Tlv.TEXT,
    };

    private final Cmac cmac = new Cmac();
    private final CommandPacket packets = new CommandPacket(cmac);
    private KeyRecord record;

    @Override
    public void process(APDU apdu) {}

    @Override
    public void register(
            byte[] kic,
            byte[] kid,
            byte kicOctet,
            byte kidOctet,
            byte[] tar,
            byte spi,
            byte ccOctets,
            byte[] counter) {
        record = new KeyRecord(key(kic), key(kid));
        record.kicOctet = kicOctet;
        record.kidOctet = kidOctet;
        record.spi = spi;
        record.ccOctets = ccOctets;
        System.arraycopy(tar, 0, record.tar, 0, 3);
        System.arraycopy(counter, 0, record.counter, 0, 5);
    }

    @Override
    public Object open(byte[] packet) {
        byte[] buffer = Arrays.copyOf(packet, packet.length + 32);
        short opened = packets.open(record, buffer, (short) 0, (short) packet.length);
        if (opened < 0) {
            return (int) opened;
        }
        short at = packets.dataAt(record, (short) 0);
        return Arrays.copyOfRange(buffer, at, at + opened);
    }

    @Override
    public byte[] seal(byte[] data) {
        byte[] buffer = new byte[data.length + 64];
        short length =
                packets.seal(record, data, (short) 0, (short) data.length, buffer, (short) 0);
        return Arrays.copyOf(buffer, length);
    }

    @Override
    public byte[] cmac(byte[] key, byte[] message) {
        byte[] tag = new byte[16];
        cmac.make(
                key(key),
                new byte[0],
                (short) 0,
                (short) 0,
                message,
                (short) 0,
                (short) message.length);
        cmac.copyTag(tag, (short) 0, Cmac.OCTETS);
        return tag;
    }

    @Override
    public boolean isReply(byte[] data) {
        byte[] padded = Arrays.copyOf(data, data.length + 16);
        return Tlv.wellFormed(padded, (short) 0, (short) data.length, REPLY)
                && Receipts.isReply(padded, (short) 0, (short) data.length);
    }

    @Override
    public String digits(byte[] amount, byte exponent) {
        byte[] sums = new byte[Ram.SUMS_OCTETS];
        System.arraycopy(amount, 0, sums, 0, 8);
        short at = Amount.toDigits(sums, exponent);
        return new String(sums, at, sums.length - at, StandardCharsets.US_ASCII);
    }

    @Override
    public byte[] typed(String text, byte exponent) {
        byte[] typed = text.getBytes(StandardCharsets.US_ASCII);
        byte[] sums = new byte[Ram.SUMS_OCTETS];
        boolean read = Amount.read(typed, (short) 0, (short) typed.length, exponent, sums);
        return read ? Arrays.copyOf(sums, 8) : null;
    }

    private static AESKey key(byte[] octets) {
        AESKey key =
                (AESKey)
                        KeyBuilder.buildKey(
                                KeyBuilder.TYPE_AES, (short) (octets.length * 8), false);
        key.setKey(octets, (short) 0);
        return key;
    }
}
