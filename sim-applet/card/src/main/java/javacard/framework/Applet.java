package javacard.framework;

import svgate.card.Card;

/** See the Java Card API, class Applet. */
public abstract class Applet {
    protected Applet() {}

    public static void install(byte[] parameters, short offset, byte length) {
        ISOException.throwIt(ISO7816.SW_UNKNOWN);
    }

    public abstract void process(APDU apdu);

    public boolean select() {
        return true;
    }

    public void deselect() {}

    public Shareable getShareableInterfaceObject(AID client, byte parameter) {
        return null;
    }

    protected final void register(byte[] octets, short offset, byte length) {
        Card.current().register(this, new AID(octets, offset, length));
    }

    protected final boolean selectingApplet() {
        return Card.current().isSelecting();
    }
}
