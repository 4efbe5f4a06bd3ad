package svgate.issuer;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.Optional;

/** The data of a packet: version 01, then elements, each critical unless said otherwise. */
public final class Tlvs {
    private final ByteArrayOutputStream octets = new ByteArrayOutputStream();

    public Tlvs() {
        octets.write(1);
    }

    /** A command to the card: element 21. */
    public static Tlvs command(int number) {
        return new Tlvs().with(0xA1, number);
    }

    public Tlvs with(int tag, int... value) {
        byte[] bytes = new byte[value.length];
        for (int i = 0; i < value.length; i++) {
            bytes[i] = (byte) value[i];
        }
        return with(tag, bytes);
    }

    public Tlvs with(int tag, byte[] value) {
        octets.write(tag);
        octets.write(value.length);
        octets.writeBytes(value);
        return this;
    }

    public byte[] octets() {
        return octets.toByteArray();
    }

    /** The value of the element with this number. */
    public static Optional<byte[]> find(byte[] packet, int number) {
        int at = 1;
        while (at + 1 < packet.length) {
            int length = packet[at + 1] & 0xFF;
            if ((packet[at] & 0x7F) == number) {
                return Optional.of(Arrays.copyOfRange(packet, at + 2, at + 2 + length));
            }
            at += 2 + length;
        }
        return Optional.empty();
    }
}
