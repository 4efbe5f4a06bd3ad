package svgate.card;

import svgate.issuer.Packets;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A phone on the other end of the card's TCP port: everything by APDUs. */
final class Reader implements AutoCloseable {
    private final Socket socket;
    private final DataInputStream in;
    private final DataOutputStream out;
    final List<Proactive> seen = new ArrayList<>();

    Reader(int port) throws IOException {
        socket = new Socket(InetAddress.getLoopbackAddress(), port);
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(10_000);
        in = new DataInputStream(socket.getInputStream());
        out = new DataOutputStream(socket.getOutputStream());
    }

    /** One octet of control, which is not answered. */
    void control(int code) {
        write(new byte[] {(byte) code});
    }

    byte[] answerToReset() {
        write(new byte[] {4});
        return read();
    }

    byte[] transmit(byte[] apdu) {
        write(apdu);
        return read();
    }

    byte[] transmit(int ins, byte[] data) {
        byte[] head = {(byte) 0x80, (byte) ins, 0, 0, (byte) data.length};
        return transmit(Packets.join(head, data));
    }

    /** Sends an ENVELOPE or the like, and answers what the card then asks until it is content. */
    String session(int ins, byte[] data, Rig.Answers phone) {
        seen.clear();
        byte[] status = transmit(ins, data);
        while (status[status.length - 2] == (byte) 0x91) {
            byte length = status[status.length - 1];
            byte[] fetched = transmit(new byte[] {(byte) 0x80, 0x12, 0, 0, length});
            Proactive command = Proactive.read(Arrays.copyOf(fetched, fetched.length - 2));
            byte[] answer =
                    command.type() == Proactive.SET_UP_MENU
                            ? Proactive.result(0)
                            : answered(command, phone);
            status = transmit(0x14, answer);
        }
        return Vectors.hex(status);
    }

    private byte[] answered(Proactive command, Rig.Answers phone) {
        seen.add(command);
        return phone.answer(command);
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }

    static byte[] menuSelection(int item) {
        return new byte[] {
            (byte) 0xD3, 7, (byte) 0x82, 2, 1, (byte) 0x81, (byte) 0x90, 1, (byte) item
        };
    }

    static byte[] smsPp(byte[] tpdu) {
        byte[] devices = {(byte) 0x82, 2, (byte) 0x83, (byte) 0x81};
        byte[] list = Packets.join(devices, TlvList.withLength((byte) 0x8B, tpdu));
        return TlvList.withLength((byte) 0xD1, list);
    }

    private void write(byte[] message) {
        try {
            out.writeShort(message.length);
            out.write(message);
            out.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private byte[] read() {
        try {
            byte[] message = new byte[in.readUnsignedShort()];
            in.readFully(message);
            return message;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
