package svgate.applet;

/** What an operator sets once for its cards. */
final class Profile {
    static final byte PIN_NEVER = 0;
    static final byte PIN_ALWAYS = 1;
    static final byte PIN_ABOVE = 2;
    static final byte BEARER_SMS = 0;
    static final byte BEARER_USSD = 1;
    static final short CODE_OCTETS = 3;

    /** Length in digits, type of number, ten octets of digits: 3GPP TS 23.040 §9.1.2.5. */
    static final short ADDRESS_OCTETS_MAX = 12;

    static final short PREFIX_OCTETS_MAX = 12;

    /** Whether personalisation is over, and for good. */
    byte personalised;

    /** Whether {@link ProfileCommand} was carried out. */
    byte configured;

    /** Whether the gateway has locked the menu. */
    byte locked;

    byte bearer;
    byte pid;
    byte dcs;

    /** The header element that marks a packet to the card: 70, or what an operator has instead. */
    byte header;

    byte exponent;
    byte pinPolicy;
    byte addressLength;
    byte prefixLength;
    final byte[] currency;
    final byte[] currencyCode;
    final byte[] pinAbove;
    final byte[] address;
    final byte[] prefix;

    Profile() {
        currency = new byte[2];
        currencyCode = new byte[CODE_OCTETS];
        pinAbove = new byte[Amount.OCTETS];
        address = new byte[ADDRESS_OCTETS_MAX];
        prefix = new byte[PREFIX_OCTETS_MAX];
    }
}
