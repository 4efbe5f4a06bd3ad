package svgate.applet;

import javacard.framework.Util;

/**
 * The texts of four languages, as the operator personalised them: a fixed place for each, so that
 * one can be changed without moving another.
 *
 * <pre>
 * language 0: | length 1 | text 31 | ... 32 texts     language 1: ...
 * </pre>
 *
 * All texts of one language have one coding, that of its text 0: GSM default alphabet, one septet
 * in an octet, or UCS2.
 */
final class Texts {
    static final byte NAME = 0;
    static final byte MENU = 1;
    static final byte BUY = 2;
    static final byte PAY_NUMBER = 3;
    static final byte REPEAT = 4;
    static final byte RECEIPTS = 5;
    static final byte LANGUAGE = 6;
    static final byte CHANGE_PIN = 7;
    static final byte SEND_AGAIN = 8;
    static final byte ASK_SHORT_CODE = 9;
    static final byte ASK_ITEM = 10;
    static final byte ASK_QUANTITY = 11;
    static final byte ASK_MOST = 12;
    static final byte ASK_PON = 13;
    static final byte ASK_PIN = 14;
    static final byte ASK_NEW_PIN = 15;
    static final byte ASK_NEW_PIN_AGAIN = 16;
    static final byte ASK_PUK = 17;
    static final byte CONFIRM = 18;
    static final byte PRICE = 19;
    static final byte AT_MOST = 20;
    static final byte SENT = 21;
    static final byte NOT_SENT = 22;
    static final byte WRONG = 23;
    static final byte BLOCKED = 24;
    static final byte NOTHING = 25;
    static final byte LOCKED = 26;
    static final byte PAID = 27;
    static final byte GIVEN_BACK = 28;
    static final byte REFUSED = 29;
    static final byte PENDING = 30;
    static final byte DONE = 31;

    static final short COUNT = 32;
    static final short LANGUAGES = 4;
    static final short OCTETS_MAX = 31;
    static final byte CODING_DEFAULT = 0x04;
    static final byte CODING_UCS2 = 0x08;

    private static final short PLACE = 32;
    private static final short PLACES_OF_LANGUAGE = 1024;

    private final byte[] pool;
    private final byte[] codings;
    private byte language;

    Texts() {
        pool = new byte[(short) (LANGUAGES * PLACES_OF_LANGUAGE)];
        codings = new byte[LANGUAGES];
    }

    byte language() {
        return language;
    }

    /** One store, whole or not at all. */
    void speak(byte chosen) {
        language = chosen;
    }

    byte coding() {
        return codings[language];
    }

    byte coding(byte of) {
        return codings[of];
    }

    /** Whether a language has a name, hence texts. */
    boolean knows(byte of) {
        return length(of, NAME) > 0;
    }

    /** Whether language 0 has every text, and every other language every one or none. */
    boolean complete() {
        for (byte of = 0; of < LANGUAGES; of++) {
            if (of > 0 && !knows(of)) {
                continue;
            }
            for (byte number = 0; number < COUNT; number++) {
                if (length(of, number) == 0) {
                    return false;
                }
            }
        }
        return true;
    }

    short length(byte of, byte number) {
        return pool[place(of, number)];
    }

    /** Copies a text and gives where it ends. */
    short copy(byte of, byte number, byte[] target, short at) {
        short place = place(of, number);
        return Util.arrayCopyNonAtomic(pool, (short) (place + 1), target, at, pool[place]);
    }

    /** Whether a text, coding octet first, can take the place of another. */
    boolean admits(byte of, byte number, byte[] coded, short at, short length, boolean renewed) {
        if (of < 0 || of >= LANGUAGES || number < 0 || number >= COUNT) {
            return false;
        }
        if (length < 2 || length > (short) (OCTETS_MAX + 1)) {
            return false;
        }
        byte coding = coded[at];
        if (coding == CODING_UCS2 && (length & 1) == 0) {
            return false;
        }
        boolean known = coding == CODING_DEFAULT || coding == CODING_UCS2;
        boolean sets = renewed && number == NAME;
        return known && (sets || coding == codings[of]);
    }

    /** Changes a text that {@link #admits} let through: inside the caller's transaction. */
    void set(byte of, byte number, byte[] coded, short at, short length) {
        short place = place(of, number);
        short octets = (short) (length - 1);
        codings[of] = coded[at];
        pool[place] = (byte) octets;
        Util.arrayCopy(coded, (short) (at + 1), pool, (short) (place + 1), octets);
    }

    private static short place(byte of, byte number) {
        return (short) ((short) (of * PLACES_OF_LANGUAGE) + (short) (number * PLACE));
    }
}
