package svgate.issuer;

import svgate.card.Aes;

import java.nio.ByteBuffer;
import java.util.Arrays;

import javax.crypto.spec.SecretKeySpec;

/** Command packets as the gateway makes and opens them: ETSI TS 102 225 §5.1. */
public final class Packets {
    private static final int HEADER = 16;
    private static final int CIPHERED_FROM = 10;

    private Packets() {}

    /** Two keys and what packets under them look like. */
    public record Record(
            byte[] kic,
            byte[] kid,
            int kicOctet,
            int kidOctet,
            byte[] tar,
            int spi1,
            int ccOctets) {
        boolean ciphered() {
            return (spi1 & 0x04) != 0;
        }
    }

    /** A packet that was opened. */
    public record Opened(long counter, byte[] data) {}

    public static byte[] seal(Record record, long counter, byte[] data) {
        return seal(record, 0, counter, data);
    }

    /** Seals with the second octet of SPI as it is given. */
    public static byte[] seal(Record record, int spi2, long counter, byte[] data) {
        int plain = 6 + record.ccOctets + data.length;
        int padding = record.ciphered() ? (16 - plain % 16) % 16 : 0;
        byte[] padded = Arrays.copyOf(data, data.length + padding);
        ByteBuffer header = ByteBuffer.allocate(HEADER);
        header.putShort((short) (HEADER + record.ccOctets + padded.length - 2));
        header.put((byte) (13 + record.ccOctets));
        header.put((byte) record.spi1).put((byte) spi2);
        header.put((byte) record.kicOctet).put((byte) record.kidOctet).put(record.tar);
        header.put((byte) (counter >> 32)).putInt((int) counter).put((byte) padding);
        byte[] cc = Aes.cmac(aes(record.kid), join(header.array(), padded));
        byte[] packet = join(header.array(), Arrays.copyOf(cc, record.ccOctets), padded);
        if (record.ciphered()) {
            byte[] secret = Arrays.copyOfRange(packet, CIPHERED_FROM, packet.length);
            byte[] hidden = Aes.encipher(aes(record.kic), secret);
            System.arraycopy(hidden, 0, packet, CIPHERED_FROM, hidden.length);
        }
        return packet;
    }

    /**
     * Opens a packet that the card made.
     *
     * @throws IllegalArgumentException when it is not under these keys
     */
    public static Opened open(Record record, byte[] sealed) {
        byte[] packet = sealed.clone();
        if (record.ciphered()) {
            byte[] hidden = Arrays.copyOfRange(packet, CIPHERED_FROM, packet.length);
            byte[] secret = Aes.decipher(aes(record.kic), hidden);
            System.arraycopy(secret, 0, packet, CIPHERED_FROM, secret.length);
        }
        byte[] header = Arrays.copyOf(packet, HEADER);
        int body = HEADER + record.ccOctets;
        byte[] padded = Arrays.copyOfRange(packet, body, packet.length);
        byte[] right =
                Arrays.copyOf(Aes.cmac(aes(record.kid), join(header, padded)), record.ccOctets);
        if (!Arrays.equals(right, Arrays.copyOfRange(packet, HEADER, body))) {
            throw new IllegalArgumentException("checksum");
        }
        ByteBuffer fields = ByteBuffer.wrap(packet);
        long counter = (fields.get(10) & 0xFFL) << 32 | fields.getInt(11) & 0xFFFFFFFFL;
        int padding = packet[15] & 0xFF;
        return new Opened(counter, Arrays.copyOf(padded, padded.length - padding));
    }

    public static byte[] join(byte[]... parts) {
        int length = Arrays.stream(parts).mapToInt(part -> part.length).sum();
        ByteBuffer whole = ByteBuffer.allocate(length);
        for (byte[] part : parts) {
            whole.put(part);
        }
        return whole.array();
    }

    static SecretKeySpec aes(byte[] key) {
        return new SecretKeySpec(key, "AES");
    }
}
