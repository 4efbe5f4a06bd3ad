package svgate.card;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.HexFormat;

/**
 * The card on a TCP port, in the framing of vsmartcard's vpcd: a length of two octets, then a
 * command APDU, or one octet of control.
 *
 * <pre>
 * 00 power off   01 power on   02 reset   04 ATR, which is answered
 * </pre>
 *
 * It listens, so that vpcd in its reversed mode or a handset connects. One reader at a time: a card
 * is in one phone. The card lives as long as its process; leaving the reader takes its power away.
 */
public final class VpcdServer implements AutoCloseable {
    private static final int POWER_OFF = 0;
    private static final int POWER_ON = 1;
    private static final int RESET = 2;
    private static final int ATR = 4;

    /** The longest short command APDU. */
    private static final int COMMAND_MAX = 261;

    /** T=0 and T=1, the applet's name as historical octets, and the check octet: ISO 7816-3 §8. */
    private static final byte[] ANSWER_TO_RESET = HexFormat.of().parseHex("3b86800173766761746515");

    private final Card card;
    private final ServerSocket listener;

    public VpcdServer(Card card, InetAddress address, int port) throws IOException {
        this.card = card;
        listener = new ServerSocket(port, 1, address);
    }

    public int port() {
        return listener.getLocalPort();
    }

    /** Serves one reader after the other until {@link #close}. */
    public void run() throws IOException {
        while (!listener.isClosed()) {
            try (Socket reader = listener.accept()) {
                reader.setTcpNoDelay(true);
                serve(reader);
            } catch (EOFException e) {
                // The reader has gone.
            } catch (IOException e) {
                if (!listener.isClosed()) {
                    System.err.println("reader: " + e.getMessage());
                }
            } finally {
                card.reset();
            }
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
    }

    private void serve(Socket reader) throws IOException {
        DataInputStream in = new DataInputStream(reader.getInputStream());
        DataOutputStream out = new DataOutputStream(reader.getOutputStream());
        while (true) {
            int length = in.readUnsignedShort();
            if (length > COMMAND_MAX) {
                throw new IOException("a message of " + length + " octets");
            }
            byte[] message = in.readNBytes(length);
            if (message.length < length) {
                throw new EOFException();
            }
            if (length == 1) {
                control(message[0], out);
            } else if (length > 1) {
                send(card.transmit(message), out);
            }
        }
    }

    private void control(byte code, DataOutputStream out) throws IOException {
        switch (code) {
            case POWER_OFF, POWER_ON, RESET -> card.reset();
            case ATR -> send(ANSWER_TO_RESET, out);
            default -> throw new IOException("control octet " + code);
        }
    }

    private static void send(byte[] message, DataOutputStream out) throws IOException {
        byte[] framed = new byte[message.length + 2];
        framed[0] = (byte) (message.length >> 8);
        framed[1] = (byte) message.length;
        System.arraycopy(message, 0, framed, 2, message.length);
        out.write(framed);
        out.flush();
    }
}
