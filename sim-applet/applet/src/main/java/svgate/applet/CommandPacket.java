package svgate.applet;

import javacard.framework.Util;
import javacard.security.AESKey;

import javacardx.crypto.Cipher;

/**
 * The command packet, orders outwards and confirmations inwards: ETSI TS 102 225 §5.1.
 *
 * <pre>
 * | CPL 2 | CHL 1 | SPI 2 | KIc 1 | KID 1 | TAR 3 | CNTR 5 | PCNTR 1 | CC 4,8 | data | padding |
 *                                                 |------------- ciphered, AES-CBC ------------|
 * </pre>
 *
 * The checksum is over everything but itself; CPL to PCNTR are one block of it exactly.
 */
final class CommandPacket {
    /** Why a packet is refused, in the order in which the checks are made. */
    static final short MALFORMED = -1;

    static final short UNKNOWN_TAR = -2;
    static final short INSUFFICIENT_LEVEL = -3;
    static final short UNKNOWN_KEY = -4;
    static final short ALGORITHM_REFUSED = -5;
    static final short CC_LENGTH_REFUSED = -6;
    static final short CIPHERING_ERROR = -7;
    static final short CC_FAILED = -8;
    static final short COUNTER_BLOCKED = -9;
    static final short COUNTER_LOW = -10;
    static final short COUNTER_HIGH = -11;

    /** CPL to PCNTR. */
    static final short HEADER = 16;

    private static final short CHL = 2;
    private static final short SPI1 = 3;
    private static final short KIC = 5;
    private static final short KID = 6;
    private static final short TAR = 7;
    private static final short CNTR = 10;
    private static final short PCNTR = 15;

    /** SPI to PCNTR: what CHL counts besides the checksum. */
    private static final short CHL_WITHOUT_CC = 13;

    private static final short BLOCK_MASK = 0x0F;

    private static final byte CHECK_KIND = 0x03;
    private static final byte CC = 0x02;
    private static final byte CIPHERED = 0x04;
    private static final byte COUNTER_CHECKED = 0x10;
    private static final byte COUNTER_MODE = 0x18;

    private final Cmac cmac;
    private final Cipher cipher;

    CommandPacket(Cmac cmac) {
        this.cmac = cmac;
        cipher = Cipher.getInstance(Cipher.ALG_AES_BLOCK_128_CBC_NOPAD, false);
    }

    /**
     * Seals data into a packet, under the record's counter, which the caller has raised and
     * committed before.
     *
     * @return the length of the packet from {@code packetAt} on
     */
    short seal(
            KeyRecord record,
            byte[] data,
            short dataAt,
            short dataLength,
            byte[] packet,
            short packetAt) {
        boolean ciphered = (record.spi & CIPHERED) != 0;
        short body = (short) (packetAt + HEADER + record.ccOctets);
        short padding = 0;
        if (ciphered) {
            // CNTR, PCNTR, CC and data fill whole blocks.
            padding = (short) ((short) -(short) (6 + record.ccOctets + dataLength) & BLOCK_MASK);
        }
        short padded = (short) (dataLength + padding);
        short length = (short) (HEADER + record.ccOctets + padded);

        Util.arrayCopyNonAtomic(data, dataAt, packet, body, dataLength);
        Util.arrayFillNonAtomic(packet, (short) (body + dataLength), padding, (byte) 0);
        Util.setShort(packet, packetAt, (short) (length - 2));
        packet[(short) (packetAt + CHL)] = (byte) (CHL_WITHOUT_CC + record.ccOctets);
        packet[(short) (packetAt + SPI1)] = record.spi;
        packet[(short) (packetAt + SPI1 + 1)] = 0;
        packet[(short) (packetAt + KIC)] = record.kicOctet;
        packet[(short) (packetAt + KID)] = record.kidOctet;
        Util.arrayCopyNonAtomic(
                record.tar, (short) 0, packet, (short) (packetAt + TAR), KeyRecord.TAR_OCTETS);
        Util.arrayCopyNonAtomic(
                record.counter,
                (short) 0,
                packet,
                (short) (packetAt + CNTR),
                KeyRecord.COUNTER_OCTETS);
        packet[(short) (packetAt + PCNTR)] = (byte) padding;

        cmac.make(record.kid, packet, packetAt, HEADER, packet, body, padded);
        cmac.copyTag(packet, (short) (packetAt + HEADER), record.ccOctets);
        if (ciphered) {
            transform(Cipher.MODE_ENCRYPT, record, packet, packetAt, length);
        }
        return length;
    }

    /**
     * Opens a packet in its place, and proves who sent it. The data begin after the header and the
     * checksum of the record's length. Nothing persistent changes; a packet that is refused is left
     * as it was, so that another record can be tried.
     *
     * @return the length of the data, or why the packet is refused
     */
    short open(KeyRecord record, byte[] packet, short at, short length) {
        short refused = admit(record, packet, at, length);
        if (refused != 0) {
            return refused;
        }
        boolean ciphered = (packet[(short) (at + SPI1)] & CIPHERED) != 0;
        if (ciphered) {
            transform(Cipher.MODE_DECRYPT, record, packet, at, length);
        }
        short body = (short) (at + HEADER + record.ccOctets);
        short padded = (short) (length - HEADER - record.ccOctets);
        cmac.make(record.kid, packet, at, HEADER, packet, body, padded);
        if (!cmac.matches(packet, (short) (at + HEADER), record.ccOctets)) {
            if (ciphered) {
                transform(Cipher.MODE_ENCRYPT, record, packet, at, length);
            }
            return CC_FAILED;
        }
        // From here on the octets are the gateway's. Before, PCNTR could have been anybody's.
        short padding = (short) (packet[(short) (at + PCNTR)] & 0xFF);
        if (padding > padded || (padding != 0 && !ciphered)) {
            return MALFORMED;
        }
        refused = judge(record, packet, at);
        return refused != 0 ? refused : (short) (padded - padding);
    }

    /** Whether an opened packet was ciphered on its way. */
    boolean wasCiphered(byte[] packet, short at) {
        return (packet[(short) (at + SPI1)] & CIPHERED) != 0;
    }

    /** Where the data of an opened packet begin. */
    short dataAt(KeyRecord record, short packetAt) {
        return (short) (packetAt + HEADER + record.ccOctets);
    }

    /** Copies the counter of an opened packet into its record: inside the caller's transaction. */
    void hear(KeyRecord record, byte[] packet, short at) {
        Util.arrayCopy(
                packet, (short) (at + CNTR), record.counter, (short) 0, KeyRecord.COUNTER_OCTETS);
    }

    /** The check value of a key: the first 3 octets of AES over sixteen times 01. */
    boolean hasCheckValue(AESKey key, byte[] expected, short at, byte[] scratch, short free) {
        Util.arrayFillNonAtomic(scratch, free, (short) 16, (byte) 1);
        cipher.init(key, Cipher.MODE_ENCRYPT);
        cipher.doFinal(scratch, free, (short) 16, scratch, free);
        return Octets.same(expected, at, scratch, free, (short) 3);
    }

    /** Compares what the sender chose with what is registered: nothing is taken from the packet. */
    private static short admit(KeyRecord record, byte[] packet, short at, short length) {
        if (length < HEADER || (short) (Util.getShort(packet, at) + 2) != length) {
            return MALFORMED;
        }
        short ccOctets = (short) ((packet[(short) (at + CHL)] & 0xFF) - CHL_WITHOUT_CC);
        if (ccOctets < 0 || (short) (length - HEADER) <= ccOctets) {
            return MALFORMED;
        }
        if (Util.arrayCompare(record.tar, (short) 0, packet, (short) (at + TAR), (short) 3) != 0) {
            return UNKNOWN_TAR;
        }
        byte spi = packet[(short) (at + SPI1)];
        boolean reaches =
                (spi & CHECK_KIND) == CC
                        && (spi & COUNTER_CHECKED) != 0
                        && ((spi & CIPHERED) != 0 || (record.spi & CIPHERED) == 0);
        if (!reaches) {
            return INSUFFICIENT_LEVEL;
        }
        byte wrong =
                (byte)
                        ((packet[(short) (at + KIC)] ^ record.kicOctet)
                                | (packet[(short) (at + KID)] ^ record.kidOctet));
        if ((wrong & 0xF0) != 0) {
            return UNKNOWN_KEY;
        }
        if (wrong != 0) {
            return ALGORITHM_REFUSED;
        }
        if (ccOctets != record.ccOctets) {
            return CC_LENGTH_REFUSED;
        }
        if ((spi & CIPHERED) != 0 && (short) ((short) (length - CNTR) & BLOCK_MASK) != 0) {
            return CIPHERING_ERROR;
        }
        return 0;
    }

    /** The counter of an authentic packet against the highest heard. */
    private static short judge(KeyRecord record, byte[] packet, short at) {
        if (Octets.all(record.counter, (short) 0, KeyRecord.COUNTER_OCTETS, (byte) 0xFF)) {
            return COUNTER_BLOCKED;
        }
        short counterAt = (short) (at + CNTR);
        if (Octets.compare(packet, counterAt, record.counter, (short) 0, KeyRecord.COUNTER_OCTETS)
                <= 0) {
            return COUNTER_LOW;
        }
        boolean oneHigher = (packet[(short) (at + SPI1)] & COUNTER_MODE) == COUNTER_MODE;
        if (oneHigher && !follows(record.counter, packet, counterAt)) {
            return COUNTER_HIGH;
        }
        return 0;
    }

    /** Whether the counter in a packet is exactly one above the one that was heard. */
    private static boolean follows(byte[] heard, byte[] packet, short counterAt) {
        boolean carry = true;
        for (short i = (short) (KeyRecord.COUNTER_OCTETS - 1); i >= 0; i--) {
            byte expected = carry ? (byte) (heard[i] + 1) : heard[i];
            if (packet[(short) (counterAt + i)] != expected) {
                return false;
            }
            carry = carry && expected == 0;
        }
        return true;
    }

    private void transform(byte mode, KeyRecord record, byte[] packet, short at, short length) {
        short from = (short) (at + CNTR);
        cipher.init(record.kic, mode);
        cipher.doFinal(packet, from, (short) (length - CNTR), packet, from);
    }
}
