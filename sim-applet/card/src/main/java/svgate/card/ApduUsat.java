package svgate.card;

import java.util.Arrays;

/**
 * The toolkit by APDUs: ETSI TS 102 221 §11.1 and TS 102 223 §6. The applet runs on a thread of its
 * own that waits in a proactive command while the reader's side goes on.
 *
 * <pre>
 * ENVELOPE ──► 91 nn ──► FETCH ──► command ──► TERMINAL RESPONSE ──► 91 nn or 90 00
 * </pre>
 */
final class ApduUsat implements Phone {
    private static final byte INS_TERMINAL_PROFILE = 0x10;
    private static final byte INS_FETCH = 0x12;
    private static final byte INS_TERMINAL_RESPONSE = 0x14;
    private static final byte INS_ENVELOPE = (byte) 0xC2;
    private static final short SW_OK = (short) 0x9000;
    private static final short SW_BUSY = (short) 0x9300;
    private static final short SW_NOTHING_TO_FETCH = 0x6985;
    private static final short SW_WRONG_DATA = 0x6A80;

    private final Card card;
    private Thread applet;

    /** What the applet asks, until it is answered. */
    private byte[] command;

    private byte[] answer;
    private boolean running;
    private boolean abandoned;
    private PowerLost lost;

    /** SET UP MENU, the framework's own. */
    private byte[] menu;

    ApduUsat(Card card) {
        this.card = card;
    }

    boolean takes(byte[] apdu) {
        boolean ours = apdu[0] == (byte) 0x80 || apdu[0] == (byte) 0xA0;
        return ours
                && switch (apdu[1]) {
                    case INS_TERMINAL_PROFILE, INS_FETCH, INS_TERMINAL_RESPONSE, INS_ENVELOPE ->
                            card.isInstalled();
                    default -> false;
                };
    }

    byte[] transmit(byte[] apdu) {
        byte[] data =
                apdu.length > 5 ? Arrays.copyOfRange(apdu, 5, 5 + (apdu[4] & 0xFF)) : new byte[0];
        return switch (apdu[1]) {
            case INS_TERMINAL_PROFILE -> begin(() -> card.usat().profileDownload(data));
            case INS_ENVELOPE -> envelope(data);
            case INS_FETCH -> fetch();
            default -> terminalResponse(data);
        };
    }

    /** Ends an applet that waits: its card lost power. */
    void abandon() {
        Thread waiting;
        synchronized (this) {
            abandoned = true;
            notifyAll();
            waiting = applet;
        }
        if (waiting != null && waiting != Thread.currentThread()) {
            try {
                waiting.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        synchronized (this) {
            abandoned = false;
            running = false;
            command = null;
            answer = null;
            menu = null;
            lost = null;
            applet = null;
        }
    }

    /** On the applet's thread: waits for the TERMINAL RESPONSE. */
    @Override
    public synchronized byte[] answer(byte[] proactive) {
        command = proactive;
        answer = null;
        notifyAll();
        while (answer == null && !abandoned) {
            await();
        }
        if (abandoned) {
            throw new PowerLost();
        }
        return answer;
    }

    private byte[] envelope(byte[] data) {
        if (data.length < 2) {
            return Card.status(SW_WRONG_DATA);
        }
        int at = data[1] == (byte) 0x81 ? 3 : 2;
        byte[] list = Arrays.copyOfRange(data, Math.min(at, data.length), data.length);
        return begin(() -> card.usat().envelope(data[0], list));
    }

    private synchronized byte[] begin(Runnable event) {
        if (running || menu != null) {
            return Card.status(SW_BUSY);
        }
        card.usat().attach(this);
        running = true;
        applet =
                new Thread(
                        () -> {
                            PowerLost end = null;
                            try {
                                event.run();
                            } catch (PowerLost e) {
                                end = e;
                            }
                            synchronized (this) {
                                running = false;
                                lost = end;
                                notifyAll();
                            }
                        },
                        "applet");
        applet.setDaemon(true);
        applet.start();
        return pause();
    }

    private synchronized byte[] fetch() {
        byte[] next = command != null ? command : menu;
        if (next == null) {
            return Card.status(SW_NOTHING_TO_FETCH);
        }
        return TlvList.join(next, Card.status(SW_OK));
    }

    private synchronized byte[] terminalResponse(byte[] data) {
        if (command != null) {
            command = null;
            answer = data;
            notifyAll();
            return pause();
        }
        if (menu == null) {
            return Card.status(SW_NOTHING_TO_FETCH);
        }
        menu = null;
        return Card.status(SW_OK);
    }

    /** Waits until the applet asks something or is done, and says which. */
    private byte[] pause() {
        while (running && command == null) {
            await();
        }
        if (lost != null) {
            throw lost;
        }
        if (!running && card.usat().menuChanged()) {
            menu = card.usat().setUpMenu();
        }
        byte[] next = command != null ? command : menu;
        return Card.status(next == null ? SW_OK : (short) (0x9100 | next.length));
    }

    private void await() {
        try {
            wait();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            abandoned = true;
        }
    }
}
