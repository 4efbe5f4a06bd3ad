package svgate.applet;

import javacard.framework.Util;

/**
 * The one command of personalisation that sets how the card's packets look and what its money is.
 *
 * <pre>
 * AB | orders' TAR 3 | confirmations' TAR 3      AC | orders' SPI1 | least SPI1 heard | CC octets
 * AD | ISO 4217 number 2 | exponent | code 3     AE | PIN policy | amount 8
 * AA | bearer | PID | DCS | header element       AF | PUK 8      B0 | USSD prefix 1 to 12
 * </pre>
 */
final class ProfileCommand {
    private static final byte CC_AND_HIGHER = 0x12;
    private static final byte CC_AND_COUNTER_MODE = 0x1B;

    private ProfileCommand() {}

    static boolean isValid(byte[] packet, short data, short length) {
        boolean whole =
                Tlv.has(packet, data, length, Tlv.TARS, (short) 6, (short) 6)
                        && Tlv.has(packet, data, length, Tlv.LEVELS, (short) 3, (short) 3)
                        && Tlv.has(packet, data, length, Tlv.MONEY, (short) 6, (short) 6)
                        && Tlv.has(packet, data, length, Tlv.PIN_POLICY, (short) 9, (short) 9)
                        && Tlv.has(packet, data, length, Tlv.BEARER, (short) 4, (short) 4);
        return whole
                && areLevels(packet, Tlv.value(packet, data, length, Tlv.LEVELS))
                && isMoney(packet, Tlv.value(packet, data, length, Tlv.MONEY))
                && isPolicy(packet[Tlv.value(packet, data, length, Tlv.PIN_POLICY)])
                && isBearer(packet[Tlv.value(packet, data, length, Tlv.BEARER)])
                && isPukOrAbsent(packet, data, length)
                && isPrefixOrAbsent(packet, data, length);
    }

    /** Inside the caller's transaction. */
    static void apply(
            byte[] packet, short data, short length, Profile profile, KeyRing keys, Pins pins) {
        keys.configure(
                packet,
                Tlv.value(packet, data, length, Tlv.TARS),
                packet,
                Tlv.value(packet, data, length, Tlv.LEVELS));
        short money = Tlv.value(packet, data, length, Tlv.MONEY);
        Util.arrayCopy(packet, money, profile.currency, (short) 0, (short) 2);
        profile.exponent = packet[(short) (money + 2)];
        Util.arrayCopy(
                packet, (short) (money + 3), profile.currencyCode, (short) 0, Profile.CODE_OCTETS);
        short policy = Tlv.value(packet, data, length, Tlv.PIN_POLICY);
        profile.pinPolicy = packet[policy];
        Util.arrayCopy(packet, (short) (policy + 1), profile.pinAbove, (short) 0, Amount.OCTETS);
        short bearer = Tlv.value(packet, data, length, Tlv.BEARER);
        profile.bearer = packet[bearer];
        profile.pid = packet[(short) (bearer + 1)];
        profile.dcs = packet[(short) (bearer + 2)];
        profile.header = packet[(short) (bearer + 3)];
        short puk = Tlv.value(packet, data, length, Tlv.PUK);
        if (puk != Tlv.ABSENT) {
            pins.setPuk(packet, puk);
        }
        short prefix = Tlv.value(packet, data, length, Tlv.USSD_PREFIX);
        if (prefix != Tlv.ABSENT) {
            short octets = Tlv.length(packet, prefix);
            Util.arrayCopy(packet, prefix, profile.prefix, (short) 0, octets);
            profile.prefixLength = (byte) octets;
        }
        profile.configured = 1;
    }

    /** A checksum and a counter that must be higher, always; ciphering as the operator likes. */
    private static boolean areLevels(byte[] packet, short at) {
        byte ccOctets = packet[(short) (at + 2)];
        return (packet[at] & CC_AND_COUNTER_MODE) == CC_AND_HIGHER
                && (packet[(short) (at + 1)] & CC_AND_COUNTER_MODE) == CC_AND_HIGHER
                && (ccOctets == 4 || ccOctets == 8);
    }

    private static boolean isMoney(byte[] packet, short at) {
        byte exponent = packet[(short) (at + 2)];
        boolean letters = true;
        short end = (short) (at + 6);
        for (short i = (short) (at + 3); i < end; i++) {
            letters &= packet[i] >= 'A' && packet[i] <= 'Z';
        }
        return letters && exponent >= 0 && exponent <= 3 && Tlv.digits(packet, at, (short) 2);
    }

    private static boolean isPolicy(byte policy) {
        return policy >= Profile.PIN_NEVER && policy <= Profile.PIN_ABOVE;
    }

    private static boolean isBearer(byte bearer) {
        return bearer == Profile.BEARER_SMS || bearer == Profile.BEARER_USSD;
    }

    private static boolean isPukOrAbsent(byte[] packet, short data, short length) {
        short puk = Tlv.value(packet, data, length, Tlv.PUK);
        return puk == Tlv.ABSENT
                || (Tlv.length(packet, puk) == Pins.PUK_DIGITS
                        && Pins.areDigits(packet, puk, Pins.PUK_DIGITS));
    }

    private static boolean isPrefixOrAbsent(byte[] packet, short data, short length) {
        short prefix = Tlv.value(packet, data, length, Tlv.USSD_PREFIX);
        if (prefix == Tlv.ABSENT) {
            return true;
        }
        short octets = Tlv.length(packet, prefix);
        boolean septets = octets >= 1 && octets <= Profile.PREFIX_OCTETS_MAX;
        for (short i = 0; septets && i < octets; i++) {
            septets = packet[(short) (prefix + i)] > 0;
        }
        return septets;
    }
}
