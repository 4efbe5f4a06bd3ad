package svgate.applet;

import javacard.security.AESKey;
import javacard.security.KeyBuilder;

/**
 * Two keys, what packets under them must look like, and their counter: one per direction and key
 * version. The checksum's length, the algorithm and the level are the record's, never the packet's.
 */
final class KeyRecord {
    static final short COUNTER_OCTETS = 5;
    static final short TAR_OCTETS = 3;

    final AESKey kic;
    final AESKey kid;

    /** The last counter used, or the highest heard. */
    final byte[] counter;

    final byte[] tar;
    byte kicOctet;
    byte kidOctet;

    /** SPI1 of packets made, the least SPI1 of packets heard. */
    byte spi;

    byte ccOctets;

    KeyRecord() {
        this(newKey(), newKey());
    }

    /** With keys of a length that this card may not have in every place: for the vectors. */
    KeyRecord(AESKey kic, AESKey kid) {
        this.kic = kic;
        this.kid = kid;
        counter = new byte[COUNTER_OCTETS];
        tar = new byte[TAR_OCTETS];
    }

    /** AES-128, which every card has. */
    private static AESKey newKey() {
        return (AESKey) KeyBuilder.buildKey(KeyBuilder.TYPE_AES, KeyBuilder.LENGTH_AES_128, false);
    }
}
