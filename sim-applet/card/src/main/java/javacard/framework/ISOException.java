package javacard.framework;

/** See the Java Card API, class ISOException. */
@SuppressWarnings("serial")
public class ISOException extends CardRuntimeException {

    public ISOException(short reason) {
        super(reason);
    }

    public static void throwIt(short reason) {
        throw new ISOException(reason);
    }
}
