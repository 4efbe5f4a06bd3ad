package svgate.card;

import uicc.toolkit.EditHandler;
import uicc.toolkit.ToolkitConstants;
import uicc.toolkit.ToolkitException;

import java.util.Arrays;

/** A list of COMPREHENSION-TLV elements, ETSI TS 101 220 §7.1.1, behind every toolkit handler. */
class TlvList implements EditHandler {
    private static final int CAPACITY = 253;

    private byte[] octets = new byte[0];
    private int selected = -1;
    private int selectedLength;

    final void load(byte[] list) {
        octets = list.clone();
        selected = -1;
    }

    final byte[] octets() {
        return octets.clone();
    }

    @Override
    public void clear() {
        load(new byte[0]);
    }

    @Override
    public short getLength() {
        return (short) octets.length;
    }

    @Override
    public short copy(byte[] target, short at, short length) {
        if (length > octets.length) {
            ToolkitException.throwIt(ToolkitException.OUT_OF_TLV_BOUNDARIES);
        }
        return give(octets, 0, target, at, length);
    }

    @Override
    public byte findTLV(byte tag, byte occurrence) {
        if (occurrence < 1) {
            ToolkitException.throwIt(ToolkitException.BAD_INPUT_PARAMETER);
        }
        int left = occurrence;
        int at = 0;
        selected = -1;
        while (at + 1 < octets.length) {
            int length = octets[at + 1] & 0xFF;
            int value = at + 2;
            if (length == 0x81 && value < octets.length) {
                length = octets[value] & 0xFF;
                value++;
            }
            if (value + length > octets.length) {
                break;
            }
            if ((octets[at] & 0x7F) == (tag & 0x7F) && --left == 0) {
                selected = value;
                selectedLength = length;
                return octets[at] < 0
                        ? ToolkitConstants.TLV_FOUND_CR_SET
                        : ToolkitConstants.TLV_FOUND_CR_NOT_SET;
            }
            at = value + length;
        }
        return ToolkitConstants.TLV_NOT_FOUND;
    }

    @Override
    public short getValueLength() {
        requireSelected();
        return (short) selectedLength;
    }

    @Override
    public byte getValueByte(short at) {
        requireWithin(at, 1);
        return octets[selected + at];
    }

    @Override
    public short getValueShort(short at) {
        requireWithin(at, 2);
        return (short) ((octets[selected + at] << 8) | (octets[selected + at + 1] & 0xFF));
    }

    @Override
    public short copyValue(short from, byte[] target, short at, short length) {
        requireWithin(from, length);
        return give(octets, selected + from, target, at, length);
    }

    @Override
    public byte compareValue(short from, byte[] other, short at, short length) {
        requireWithin(from, length);
        int order =
                Arrays.compareUnsigned(
                        octets, selected + from, selected + from + length, other, at, at + length);
        return (byte) Integer.signum(order);
    }

    @Override
    public short findAndCopyValue(byte tag, byte[] target, short at) {
        requireFound(tag, (byte) 1);
        return copyValue((short) 0, target, at, (short) selectedLength);
    }

    @Override
    public short findAndCopyValue(
            byte tag, byte occurrence, short from, byte[] target, short at, short length) {
        requireFound(tag, occurrence);
        return copyValue(from, target, at, length);
    }

    @Override
    public byte findAndCompareValue(byte tag, byte[] other, short at) {
        requireFound(tag, (byte) 1);
        return compareValue((short) 0, other, at, (short) selectedLength);
    }

    @Override
    public byte findAndCompareValue(
            byte tag, byte occurrence, short from, byte[] other, short at, short length) {
        requireFound(tag, occurrence);
        return compareValue(from, other, at, length);
    }

    @Override
    public void appendArray(byte[] buffer, short at, short length) {
        append(Arrays.copyOfRange(buffer, at, at + length));
    }

    @Override
    public void appendTLV(byte tag, byte[] value, short at, short length) {
        appendElement(tag, Arrays.copyOfRange(value, at, at + length));
    }

    @Override
    public void appendTLV(byte tag, byte value) {
        appendElement(tag, new byte[] {value});
    }

    @Override
    public void appendTLV(byte tag, short value) {
        appendElement(tag, new byte[] {(byte) (value >> 8), (byte) value});
    }

    @Override
    public void appendTLV(byte tag, byte value1, byte value2) {
        appendElement(tag, new byte[] {value1, value2});
    }

    @Override
    public void appendTLV(byte tag, byte value1, short value2) {
        appendElement(tag, new byte[] {value1, (byte) (value2 >> 8), (byte) value2});
    }

    @Override
    public void appendTLV(byte tag, short value1, short value2) {
        appendElement(
                tag,
                new byte[] {
                    (byte) (value1 >> 8), (byte) value1, (byte) (value2 >> 8), (byte) value2
                });
    }

    @Override
    public void appendTLV(byte tag, byte first, byte[] rest, short at, short length) {
        appendElement(tag, join(new byte[] {first}, Arrays.copyOfRange(rest, at, at + length)));
    }

    @Override
    public void appendTLV(
            byte tag,
            byte[] value1,
            short at1,
            short length1,
            byte[] value2,
            short at2,
            short length2) {
        appendElement(
                tag,
                join(
                        Arrays.copyOfRange(value1, at1, at1 + length1),
                        Arrays.copyOfRange(value2, at2, at2 + length2)));
    }

    /** {@code octets} behind a length of one octet, or of two from 80 on. */
    static byte[] withLength(byte tag, byte[] octets) {
        byte[] head =
                octets.length < 0x80
                        ? new byte[] {tag, (byte) octets.length}
                        : new byte[] {tag, (byte) 0x81, (byte) octets.length};
        return join(head, octets);
    }

    static byte[] join(byte[] left, byte[] right) {
        byte[] whole = Arrays.copyOf(left, left.length + right.length);
        System.arraycopy(right, 0, whole, left.length, right.length);
        return whole;
    }

    private void appendElement(byte tag, byte[] value) {
        if (value.length > 255) {
            ToolkitException.throwIt(ToolkitException.BAD_INPUT_PARAMETER);
        }
        append(withLength(tag, value));
    }

    private void append(byte[] more) {
        if (octets.length + more.length > CAPACITY) {
            ToolkitException.throwIt(ToolkitException.HANDLER_OVERFLOW);
        }
        octets = join(octets, more);
    }

    private void requireFound(byte tag, byte occurrence) {
        if (findTLV(tag, occurrence) == ToolkitConstants.TLV_NOT_FOUND) {
            ToolkitException.throwIt(ToolkitException.UNAVAILABLE_ELEMENT);
        }
    }

    private void requireSelected() {
        if (selected < 0) {
            ToolkitException.throwIt(ToolkitException.UNAVAILABLE_ELEMENT);
        }
    }

    private void requireWithin(int at, int length) {
        requireSelected();
        if (at < 0 || length < 0 || at + length > selectedLength) {
            ToolkitException.throwIt(ToolkitException.OUT_OF_TLV_BOUNDARIES);
        }
    }

    private static short give(byte[] from, int fromAt, byte[] target, short at, int length) {
        if (at < 0 || at + length > target.length) {
            throw new ArrayIndexOutOfBoundsException(at + " + " + length);
        }
        Card.current().nvm().copyNonAtomic(from, fromAt, target, at, length);
        return (short) (at + length);
    }
}
