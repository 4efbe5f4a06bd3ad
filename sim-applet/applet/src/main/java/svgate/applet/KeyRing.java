package svgate.applet;

import javacard.framework.Util;
import javacard.security.AESKey;
import javacard.security.KeyBuilder;

/**
 * Two versions of keys side by side. Orders go out under the newer; the older is heard until the
 * first good packet under the newer. New keys are loaded where nothing is heard, and then made the
 * newer by one commit: a card torn in between has the old keys whole.
 */
final class KeyRing {
    static final short KEY_OCTETS = 16;

    /** Orders KIc and KID, confirmations KIc and KID. */
    static final short KEYS = 4;

    static final short CHECK_VALUE_OCTETS = 3;

    private final KeyRecord[] orders;
    private final KeyRecord[] confirmations;
    private final byte[] versions;
    private final AESKey probe;
    private byte newer;
    private byte loaded;
    private byte olderHeard;

    KeyRing() {
        orders = new KeyRecord[2];
        confirmations = new KeyRecord[2];
        for (short i = 0; i < 2; i++) {
            orders[i] = new KeyRecord();
            confirmations[i] = new KeyRecord();
        }
        versions = new byte[2];
        probe =
                (AESKey)
                        KeyBuilder.buildKey(
                                KeyBuilder.TYPE_AES_TRANSIENT_RESET,
                                KeyBuilder.LENGTH_AES_128,
                                false);
    }

    boolean isLoaded() {
        return loaded != 0;
    }

    byte version() {
        return versions[newer];
    }

    KeyRecord orders() {
        return orders[newer];
    }

    KeyRecord confirmations() {
        return confirmations[newer];
    }

    /** The confirmations of the version before, as long as they are heard, else null. */
    KeyRecord olderConfirmations() {
        return olderHeard != 0 ? confirmations[(short) (1 - newer)] : null;
    }

    /** The newer keys were used by the gateway: forget the older. Inside a transaction. */
    void heard(KeyRecord record) {
        if (olderHeard != 0 && record == confirmations[newer]) {
            olderHeard = 0;
        }
    }

    /** Sets TARs and levels of all records: {@code | orders 3 | confirmations 3 |}, and so on. */
    void configure(byte[] tars, short tarsAt, byte[] levels, short levelsAt) {
        for (short i = 0; i < 2; i++) {
            configure(orders[i], tars, tarsAt, levels[levelsAt], levels[(short) (levelsAt + 2)]);
            configure(
                    confirmations[i],
                    tars,
                    (short) (tarsAt + KeyRecord.TAR_OCTETS),
                    levels[(short) (levelsAt + 1)],
                    levels[(short) (levelsAt + 2)]);
        }
    }

    /** Whether four keys have these check values; nothing persistent changes. */
    boolean haveCheckValues(
            CommandPacket packets,
            byte[] keys,
            short keysAt,
            byte[] values,
            short valuesAt,
            Ram ram) {
        boolean right = true;
        for (short i = 0; i < KEYS; i++) {
            probe.setKey(keys, (short) (keysAt + (short) (i * KEY_OCTETS)));
            right &=
                    packets.hasCheckValue(
                            probe,
                            values,
                            (short) (valuesAt + (short) (i * CHECK_VALUE_OCTETS)),
                            ram.screen,
                            (short) 0);
        }
        probe.clearKey();
        Ram.wipe(ram.screen);
        return right;
    }

    /**
     * Loads keys of a new version where nothing is heard. The caller holds no transaction: setting
     * a key may not be undone by one.
     */
    void load(byte[] keys, short keysAt, byte[] octets, short octetsAt) {
        short free = free();
        olderHeard = 0;
        set(orders[free], keys, keysAt, octets, octetsAt);
        set(confirmations[free], keys, (short) (keysAt + 2 * KEY_OCTETS), octets, octetsAt);
    }

    /**
     * Makes the keys that were loaded the newer ones, with counters of 0: inside a transaction.
     *
     * @param hearOlder whether confirmations are still heard under those that were the newer ones
     */
    void turn(byte version, boolean hearOlder, byte[] fiveZeros, short zerosAt) {
        short free = free();
        Util.arrayCopy(
                fiveZeros, zerosAt, orders[free].counter, (short) 0, KeyRecord.COUNTER_OCTETS);
        Util.arrayCopy(
                fiveZeros,
                zerosAt,
                confirmations[free].counter,
                (short) 0,
                KeyRecord.COUNTER_OCTETS);
        versions[free] = version;
        olderHeard = hearOlder ? loaded : 0;
        newer = (byte) free;
        loaded = 1;
    }

    private short free() {
        return loaded != 0 ? (short) (1 - newer) : newer;
    }

    private static void configure(
            KeyRecord record, byte[] tars, short tarAt, byte spi, byte ccOctets) {
        Util.arrayCopy(tars, tarAt, record.tar, (short) 0, KeyRecord.TAR_OCTETS);
        record.spi = spi;
        record.ccOctets = ccOctets;
    }

    private static void set(
            KeyRecord record, byte[] keys, short keysAt, byte[] octets, short octetsAt) {
        record.kicOctet = octets[octetsAt];
        record.kidOctet = octets[(short) (octetsAt + 1)];
        record.kic.setKey(keys, keysAt);
        record.kid.setKey(keys, (short) (keysAt + KEY_OCTETS));
    }
}
