package javacard.framework;

import java.io.ByteArrayOutputStream;

/** See the Java Card API, class APDU: one short command, T=0 or T=1 alike. */
public final class APDU {
    private static final int CDATA = ISO7816.OFFSET_CDATA;

    private final byte[] buffer;
    private final int incoming;
    private final ByteArrayOutputStream outgoing = new ByteArrayOutputStream();
    private boolean sending;

    /** Lays {@code command} into {@code buffer}, which the card keeps in RAM. */
    public APDU(byte[] command, byte[] buffer) {
        this.buffer = buffer;
        java.util.Arrays.fill(buffer, (byte) 0);
        System.arraycopy(command, 0, buffer, 0, Math.min(command.length, buffer.length));
        incoming = command.length > CDATA ? command[4] & 0xFF : 0;
    }

    public byte[] getBuffer() {
        return buffer;
    }

    public short setIncomingAndReceive() {
        return (short) incoming;
    }

    public short getIncomingLength() {
        return (short) incoming;
    }

    public short setOutgoing() {
        sending = true;
        return 256;
    }

    public void setOutgoingLength(short length) {
        if (!sending) {
            APDUException.throwIt(APDUException.ILLEGAL_USE);
        }
    }

    public void sendBytes(short offset, short length) {
        if (!sending || offset < 0 || length < 0 || offset + length > buffer.length) {
            APDUException.throwIt(APDUException.BUFFER_BOUNDS);
        }
        outgoing.write(buffer, offset, length);
    }

    public void setOutgoingAndSend(short offset, short length) {
        setOutgoing();
        sendBytes(offset, length);
    }

    /** What the applet sent, for the card. */
    public byte[] sent() {
        return outgoing.toByteArray();
    }
}
