package svgate.applet;

import javacard.framework.APDU;
import javacard.framework.Applet;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.Util;

/**
 * The applet's packet code behind APDUs of its own.
 *
 * <pre>
 * 80 01 sets keys and what packets look like: SPI1, KIc, KID, CC octets, TAR 3, counter 5, KIc 16, KID 16
 * 80 02 seals the data   80 03 opens the packet   80 04 makes the checksum of the data under KID
 * P1 = 0 with the card's own AES-CMAC, 1 with one that is built
 * </pre>
 */
public final class PacketApplet extends Applet {
    private static final short ROOM = 200;

    private final Cmac[] cmacs = {new Cmac(), new Cmac(null)};
    private final CommandPacket[] both = {new CommandPacket(cmacs[0]), new CommandPacket(cmacs[1])};
    private final KeyRecord record = new KeyRecord();
    private final byte[] buffer = new byte[ROOM];

    private PacketApplet() {
        register();
    }

    public static void install(byte[] parameters, short offset, byte length) {
        new PacketApplet();
    }

    @Override
    public void process(APDU apdu) {
        if (selectingApplet()) {
            return;
        }
        byte[] command = apdu.getBuffer();
        short length = apdu.setIncomingAndReceive();
        short data = ISO7816.OFFSET_CDATA;
        Cmac cmac = cmacs[command[ISO7816.OFFSET_P1]];
        CommandPacket packets = both[command[ISO7816.OFFSET_P1]];
        switch (command[ISO7816.OFFSET_INS]) {
            case 0x01 -> register(command, data);
            case 0x02 ->
                    answer(
                            apdu,
                            packets.seal(record, command, data, length, buffer, (short) 0),
                            (short) 0);
            case 0x03 -> {
                Util.arrayCopyNonAtomic(command, data, buffer, (short) 0, length);
                short opened = packets.open(record, buffer, (short) 0, length);
                if (opened < 0) {
                    ISOException.throwIt((short) (0x6A00 - opened));
                }
                answer(apdu, opened, packets.dataAt(record, (short) 0));
            }
            default -> {
                cmac.make(record.kid, buffer, (short) 0, (short) 0, command, data, length);
                cmac.copyTag(buffer, (short) 0, Cmac.OCTETS);
                answer(apdu, Cmac.OCTETS, (short) 0);
            }
        }
    }

    private void register(byte[] command, short at) {
        record.spi = command[at];
        record.kicOctet = command[(short) (at + 1)];
        record.kidOctet = command[(short) (at + 2)];
        record.ccOctets = command[(short) (at + 3)];
        Util.arrayCopy(command, (short) (at + 4), record.tar, (short) 0, (short) 3);
        Util.arrayCopy(command, (short) (at + 7), record.counter, (short) 0, (short) 5);
        record.kic.setKey(command, (short) (at + 12));
        record.kid.setKey(command, (short) (at + 28));
    }

    private void answer(APDU apdu, short length, short from) {
        byte[] out = apdu.getBuffer();
        Util.arrayCopyNonAtomic(buffer, from, out, (short) 0, length);
        apdu.setOutgoingAndSend((short) 0, length);
    }
}
