package svgate.applet;

import javacard.framework.JCSystem;
import javacard.framework.Util;

/**
 * The gateway's commands, on the air under the confirmation keys, and in personalisation under the
 * card's transport keys. One is checked to its last octet before the first octet of state changes.
 *
 * <p>The elements of each command are in README.md, examples in {@code
 * tests/vectors/applet_commands.json}.
 */
final class Commands {
    static final byte OFFER = 0x01;
    static final byte KEYS = 0x02;
    static final byte PIN = 0x03;
    static final byte TEXT = 0x04;
    static final byte SERVICE = 0x05;
    static final byte LOCK = 0x06;
    static final byte UNLOCK = 0x07;
    static final byte PROFILE = 0x10;
    static final byte FINISH = 0x1F;

    private final Ram ram;
    private final Profile profile;
    private final Texts texts;
    private final Pins pins;
    private final KeyRing keys;
    private final CommandPacket packets;
    private final Offer offer;
    private final MenuEntry entry;

    Commands(
            Ram ram,
            Profile profile,
            Texts texts,
            Pins pins,
            KeyRing keys,
            CommandPacket packets,
            Offer offer,
            MenuEntry entry) {
        this.ram = ram;
        this.profile = profile;
        this.texts = texts;
        this.pins = pins;
        this.keys = keys;
        this.packets = packets;
        this.offer = offer;
        this.entry = entry;
    }

    /**
     * Carries out what an authentic packet in {@link Ram#packet} says.
     *
     * @return false, with nothing changed, when it is no command for this card as it is
     */
    boolean carryOut(KeyRecord record, short at, short data, short length) {
        byte[] packet = ram.packet;
        if (!Tlv.wellFormed(packet, data, length, ANY)
                || !Tlv.has(packet, data, length, Tlv.COMMAND, (short) 1, (short) 1)) {
            return false;
        }
        byte command = packet[Tlv.value(packet, data, length, Tlv.COMMAND)];
        if (!belongs(command) || !isValid(command, record, data, length)) {
            return false;
        }
        boolean secret = command == KEYS || !Tlv.lacks(packet, data, length, Tlv.PIN);
        if (secret && !packets.wasCiphered(packet, at)) {
            // Whatever level the operator has for confirmations: keys and PINs never go in clear.
            return false;
        }
        boolean loads = command == KEYS && !isRepeated(record, data, length);
        if (loads) {
            keys.load(
                    packet,
                    Tlv.value(packet, data, length, Tlv.KEYS),
                    packet,
                    Tlv.value(packet, data, length, Tlv.KEY_OCTETS));
        }
        JCSystem.beginTransaction();
        packets.hear(record, packet, at);
        keys.heard(record);
        if (loads) {
            Util.arrayFillNonAtomic(ram.sums, (short) 0, KeyRecord.COUNTER_OCTETS, (byte) 0);
            keys.turn(
                    packet[Tlv.value(packet, data, length, Tlv.KEY_VERSION)],
                    profile.personalised != 0,
                    ram.sums,
                    (short) 0);
        } else {
            apply(command, data, length);
        }
        JCSystem.commitTransaction();
        afterCommit(command, data, length);
        return true;
    }

    /** What is sent on the air is refused in personalisation and the other way round. */
    private boolean belongs(byte command) {
        switch (command) {
            case KEYS:
            case PIN:
            case TEXT:
            case SERVICE:
                return true;
            case OFFER:
            case LOCK:
            case UNLOCK:
                return profile.personalised != 0;
            case PROFILE:
            case FINISH:
                return profile.personalised == 0;
            default:
                return false;
        }
    }

    private boolean isValid(byte command, KeyRecord record, short data, short length) {
        byte[] packet = ram.packet;
        switch (command) {
            case OFFER:
                return Tlv.wellFormed(packet, data, length, OF_OFFER)
                        && offer.isValid(data, length);
            case KEYS:
                return Tlv.wellFormed(packet, data, length, OF_KEYS)
                        && areKeys(record, data, length);
            case PIN:
                return Tlv.wellFormed(packet, data, length, OF_PIN) && isPin(data, length);
            case TEXT:
                return Tlv.wellFormed(packet, data, length, OF_TEXT) && isText(data, length);
            case SERVICE:
                return Tlv.wellFormed(packet, data, length, OF_SERVICE) && isService(data, length);
            case PROFILE:
                return Tlv.wellFormed(packet, data, length, OF_PROFILE)
                        && ProfileCommand.isValid(packet, data, length);
            case FINISH:
                return Tlv.wellFormed(packet, data, length, OF_NOTHING) && isComplete();
            default:
                return Tlv.wellFormed(packet, data, length, OF_NOTHING);
        }
    }

    /** The effect of every command but new keys: inside the transaction. */
    private void apply(byte command, short data, short length) {
        switch (command) {
            case PIN:
                applyPin(data, length);
                break;
            case TEXT:
                applyText(data, length);
                break;
            case SERVICE:
                applyService(data, length);
                break;
            case LOCK:
                profile.locked = 1;
                break;
            case UNLOCK:
                profile.locked = 0;
                break;
            case PROFILE:
                ProfileCommand.apply(ram.packet, data, length, profile, keys, pins);
                break;
            case FINISH:
                profile.personalised = 1;
                break;
            default:
                break;
        }
    }

    private void applyPin(short data, short length) {
        byte[] packet = ram.packet;
        short pin = Tlv.value(packet, data, length, Tlv.PIN);
        if (pin != Tlv.ABSENT) {
            pins.set(packet, pin, Tlv.length(packet, pin));
        }
    }

    private void applyText(short data, short length) {
        byte[] packet = ram.packet;
        short text = Tlv.value(packet, data, length, Tlv.TEXT);
        texts.set(
                packet[Tlv.value(packet, data, length, Tlv.LANGUAGE)],
                packet[Tlv.value(packet, data, length, Tlv.TEXT_NUMBER)],
                packet,
                text,
                Tlv.length(packet, text));
    }

    private void applyService(short data, short length) {
        byte[] packet = ram.packet;
        short address = Tlv.value(packet, data, length, Tlv.SERVICE);
        short octets = Tlv.length(packet, address);
        Util.arrayCopy(packet, address, profile.address, (short) 0, octets);
        profile.addressLength = (byte) octets;
    }

    private void afterCommit(byte command, short data, short length) {
        if (command == PIN && Tlv.lacks(ram.packet, data, length, Tlv.PIN)) {
            // Torn before this, the counter is spent and the PIN still blocked: the gateway sends
            // again. The other way round one packet could give its tries back twice.
            pins.unblock();
        }
        if (command == TEXT || command == FINISH) {
            entry.rename();
        }
        if (command == OFFER && profile.locked == 0) {
            offer.show(data, length);
        }
    }

    /** New keys are taken under the newest only, and their version never falls. */
    private boolean areKeys(KeyRecord record, short data, short length) {
        byte[] packet = ram.packet;
        boolean whole =
                Tlv.has(packet, data, length, Tlv.KEY_VERSION, (short) 1, (short) 1)
                        && Tlv.has(packet, data, length, Tlv.KEY_OCTETS, (short) 2, (short) 2)
                        && Tlv.has(packet, data, length, Tlv.KEYS, (short) 64, (short) 64)
                        && Tlv.has(packet, data, length, Tlv.CHECK_VALUES, (short) 12, (short) 12);
        if (!whole) {
            return false;
        }
        short octets = Tlv.value(packet, data, length, Tlv.KEY_OCTETS);
        if ((packet[octets] & 0x0F) != 2 || (packet[(short) (octets + 1)] & 0x0F) != 2) {
            return false;
        }
        if (profile.personalised != 0 && !isRepeated(record, data, length)) {
            short version =
                    (short) (packet[Tlv.value(packet, data, length, Tlv.KEY_VERSION)] & 0xFF);
            if (record != keys.confirmations() || version <= (short) (keys.version() & 0xFF)) {
                return false;
            }
        }
        return keys.haveCheckValues(
                packets,
                packet,
                Tlv.value(packet, data, length, Tlv.KEYS),
                packet,
                Tlv.value(packet, data, length, Tlv.CHECK_VALUES),
                ram);
    }

    /** Sent again under the older keys by a gateway that does not know yet: nothing more to do. */
    private boolean isRepeated(KeyRecord record, short data, short length) {
        byte version = ram.packet[Tlv.value(ram.packet, data, length, Tlv.KEY_VERSION)];
        return profile.personalised != 0
                && record == keys.olderConfirmations()
                && version == keys.version();
    }

    private boolean isPin(short data, short length) {
        byte[] packet = ram.packet;
        short pin = Tlv.value(packet, data, length, Tlv.PIN);
        if (pin == Tlv.ABSENT) {
            return profile.personalised != 0;
        }
        short digits = Tlv.length(packet, pin);
        return digits >= Pins.DIGITS_MIN
                && digits <= Pins.DIGITS_MAX
                && Pins.areDigits(packet, pin, digits);
    }

    private boolean isText(short data, short length) {
        byte[] packet = ram.packet;
        if (!Tlv.has(packet, data, length, Tlv.LANGUAGE, (short) 1, (short) 1)
                || !Tlv.has(packet, data, length, Tlv.TEXT_NUMBER, (short) 1, (short) 1)
                || Tlv.lacks(packet, data, length, Tlv.TEXT)) {
            return false;
        }
        short text = Tlv.value(packet, data, length, Tlv.TEXT);
        return texts.admits(
                packet[Tlv.value(packet, data, length, Tlv.LANGUAGE)],
                packet[Tlv.value(packet, data, length, Tlv.TEXT_NUMBER)],
                packet,
                text,
                Tlv.length(packet, text),
                profile.personalised == 0);
    }

    private boolean isService(short data, short length) {
        byte[] packet = ram.packet;
        if (!Tlv.has(packet, data, length, Tlv.SERVICE, (short) 3, Profile.ADDRESS_OCTETS_MAX)) {
            return false;
        }
        short address = Tlv.value(packet, data, length, Tlv.SERVICE);
        short digits = (short) (packet[address] & 0xFF);
        short octets = (short) ((short) ((short) (digits + 1) / 2) + 2);
        return digits > 0
                && octets == Tlv.length(packet, address)
                && packet[(short) (address + 1)] < 0;
    }

    private boolean isComplete() {
        boolean reachable =
                profile.bearer == Profile.BEARER_USSD
                        ? profile.prefixLength != 0
                        : profile.addressLength != 0;
        boolean proved = profile.pinPolicy == Profile.PIN_NEVER || pins.known();
        return profile.configured != 0
                && reachable
                && proved
                && keys.isLoaded()
                && texts.complete();
    }

    private static final byte[] ANY = {
        Tlv.VERB,
        Tlv.SHORT_CODE,
        Tlv.ITEM,
        Tlv.QUANTITY,
        Tlv.AMOUNT,
        Tlv.CURRENCY,
        Tlv.PON,
        Tlv.TEXT,
        Tlv.COMMAND,
        Tlv.KEY_VERSION,
        Tlv.KEY_OCTETS,
        Tlv.KEYS,
        Tlv.CHECK_VALUES,
        Tlv.PIN,
        Tlv.LANGUAGE,
        Tlv.TEXT_NUMBER,
        Tlv.SERVICE,
        Tlv.BEARER,
        Tlv.TARS,
        Tlv.LEVELS,
        Tlv.MONEY,
        Tlv.PIN_POLICY,
        Tlv.PUK,
        Tlv.USSD_PREFIX,
    };
    private static final byte[] OF_OFFER = {
        Tlv.COMMAND,
        Tlv.VERB,
        Tlv.SHORT_CODE,
        Tlv.ITEM,
        Tlv.QUANTITY,
        Tlv.AMOUNT,
        Tlv.CURRENCY,
        Tlv.PON,
        Tlv.TEXT,
    };
    private static final byte[] OF_KEYS = {
        Tlv.COMMAND, Tlv.KEY_VERSION, Tlv.KEY_OCTETS, Tlv.KEYS, Tlv.CHECK_VALUES,
    };
    private static final byte[] OF_PIN = {Tlv.COMMAND, Tlv.PIN};
    private static final byte[] OF_TEXT = {
        Tlv.COMMAND, Tlv.LANGUAGE, Tlv.TEXT_NUMBER, Tlv.TEXT,
    };
    private static final byte[] OF_SERVICE = {Tlv.COMMAND, Tlv.SERVICE};
    private static final byte[] OF_PROFILE = {
        Tlv.COMMAND,
        Tlv.TARS,
        Tlv.LEVELS,
        Tlv.MONEY,
        Tlv.PIN_POLICY,
        Tlv.BEARER,
        Tlv.PUK,
        Tlv.USSD_PREFIX,
    };
    private static final byte[] OF_NOTHING = {Tlv.COMMAND};
}
