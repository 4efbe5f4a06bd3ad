package svgate.card;

import javacard.framework.AID;
import javacard.framework.APDU;
import javacard.framework.Applet;
import javacard.framework.CardRuntimeException;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.SystemException;

import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.BiConsumer;

/**
 * One card with one applet. {@link #transmit} is its reader's side; {@link #usat} lets a test drive
 * the toolkit without one.
 *
 * <p>{@link PowerLost} comes out of any call during which the power was cut; the card then does
 * nothing until {@link #reset}.
 */
public final class Card {
    private static final ThreadLocal<Card> CURRENT = new ThreadLocal<>();
    private static final int APDU_BUFFER = 261;

    private final Nvm nvm = new Nvm();
    private final Usat usat = new Usat(this);
    private final byte[] apduBuffer = nvm.ownBuffer(APDU_BUFFER);
    private final boolean hasCmac;
    private final List<Throwable> faults = new ArrayList<>();
    private final ApduUsat apduUsat = new ApduUsat(this);
    private BiConsumer<CardKey, byte[]> macObserver = (key, message) -> {};
    private Applet installing;
    private Applet applet;
    private AID aid;
    private boolean selected;
    private boolean selecting;

    /**
     * @param hasCmac whether {@code ALG_AES_CMAC_128} is there: no measured UICC has it
     */
    public Card(boolean hasCmac) {
        this.hasCmac = hasCmac;
    }

    /** The card that the running applet is on. */
    public static Card current() {
        return CURRENT.get();
    }

    public Nvm nvm() {
        return nvm;
    }

    public Usat usat() {
        return usat;
    }

    public boolean hasCmac() {
        return hasCmac;
    }

    public boolean isSelecting() {
        return selecting;
    }

    /** Exceptions that left the applet and were none of its own status words. */
    public List<Throwable> faults() {
        return Collections.unmodifiableList(faults);
    }

    /** Is told of every checksum that the card makes: key and message. */
    public void observeMacs(BiConsumer<CardKey, byte[]> observer) {
        macObserver = observer;
    }

    /**
     * Installs an applet: all of it or, torn, none.
     *
     * @param data what the applet's install is given
     */
    public void install(AppletLoader loader, String className, byte[] data) {
        installing = null;
        inThisCard(
                () -> {
                    try {
                        Class<?> type = loader.loadClass(className);
                        type.getMethod("install", byte[].class, short.class, byte.class)
                                .invoke(null, data, (short) 0, (byte) data.length);
                    } catch (InvocationTargetException e) {
                        throw unchecked(e.getCause());
                    } catch (ReflectiveOperationException e) {
                        throw new IllegalArgumentException(className, e);
                    }
                });
        nvm.writeForGood(() -> applet = installing);
        nvm.installed();
    }

    /** For {@link Applet#register}. */
    public void register(Applet newApplet, AID newAid) {
        if (applet != null) {
            SystemException.throwIt(SystemException.ILLEGAL_AID);
        }
        installing = newApplet;
        aid = newAid;
    }

    boolean isRegistered() {
        return installing != null;
    }

    public boolean isInstalled() {
        return applet != null;
    }

    /** Takes a command APDU and gives its response APDU. */
    public byte[] transmit(byte[] command) {
        if (nvm.isDead()) {
            throw new PowerLost();
        }
        if (command.length < 4) {
            return status(ISO7816.SW_WRONG_LENGTH);
        }
        if (command.length > 5 && command.length < 5 + (command[4] & 0xFF)) {
            return status(ISO7816.SW_WRONG_LENGTH);
        }
        return apduUsat.takes(command) ? apduUsat.transmit(command) : process(command);
    }

    /** Takes power away and gives it back. */
    public void reset() {
        apduUsat.abandon();
        nvm.reset();
        usat.reset();
        selected = false;
    }

    Applet applet() {
        return applet;
    }

    /** For {@code Signature}: a checksum is being made. */
    void macMade(CardKey key, byte[] message) {
        macObserver.accept(key, message);
    }

    /** Runs an applet's code on this thread: what it throws ends here, an open transaction too. */
    void run(Runnable code) {
        try {
            inThisCard(code);
        } catch (CardRuntimeException e) {
            faults.add(e);
        } catch (RuntimeException e) {
            faults.add(e);
        } finally {
            abortTransaction();
        }
    }

    static byte[] status(short word) {
        return new byte[] {(byte) (word >> 8), (byte) word};
    }

    private byte[] process(byte[] command) {
        boolean select = command[0] == 0 && command[1] == ISO7816.INS_SELECT && command[2] == 4;
        if (select && !isOurs(command)) {
            return status(ISO7816.SW_FILE_NOT_FOUND);
        }
        if (select && !reselect()) {
            return status(ISO7816.SW_APPLET_SELECT_FAILED);
        }
        if (!selected) {
            boolean known = command[0] == 0;
            return status(known ? ISO7816.SW_FILE_NOT_FOUND : ISO7816.SW_CLA_NOT_SUPPORTED);
        }
        APDU apdu = new APDU(command, apduBuffer);
        selecting = select;
        try {
            inThisCard(() -> applet.process(apdu));
            return TlvList.join(apdu.sent(), status(ISO7816.SW_NO_ERROR));
        } catch (ISOException e) {
            return status(e.getReason());
        } catch (RuntimeException e) {
            faults.add(e);
            return status(ISO7816.SW_UNKNOWN);
        } finally {
            selecting = false;
            abortTransaction();
        }
    }

    /** Deselects the applet, which clears its memory of that kind, and selects it. */
    private boolean reselect() {
        if (selected) {
            run(applet::deselect);
            nvm.deselect();
        }
        selected = false;
        run(() -> selected = applet.select());
        return selected;
    }

    private boolean isOurs(byte[] command) {
        int length = command.length > 5 ? command[4] & 0xFF : 0;
        return applet != null
                && length >= 5
                && aid.partialEquals(command, (short) 5, (byte) length);
    }

    private void abortTransaction() {
        if (nvm.inTransaction() && !nvm.isDead()) {
            nvm.abort();
        }
    }

    /** Runs code with this card as the {@link #current} one. */
    void inThisCard(Runnable code) {
        Card before = CURRENT.get();
        CURRENT.set(this);
        try {
            code.run();
        } finally {
            CURRENT.set(before);
        }
    }

    private static RuntimeException unchecked(Throwable cause) {
        if (cause instanceof Error error) {
            throw error;
        }
        return cause instanceof RuntimeException e ? e : new IllegalStateException(cause);
    }
}
