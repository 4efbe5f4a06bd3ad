package javacard.framework;

/** See the Java Card API, class CardRuntimeException. */
@SuppressWarnings("serial")
public class CardRuntimeException extends RuntimeException {
    private short reason;

    public CardRuntimeException(short reason) {
        this.reason = reason;
    }

    public short getReason() {
        return reason;
    }

    public void setReason(short reason) {
        this.reason = reason;
    }

    public static void throwIt(short reason) {
        throw new CardRuntimeException(reason);
    }

    @Override
    public String getMessage() {
        return String.format("reason %04x", reason & 0xFFFF);
    }
}
