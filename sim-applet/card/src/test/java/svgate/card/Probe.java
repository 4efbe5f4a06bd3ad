package svgate.card;

/** The applet's packet code by itself, under keys of any length. */
public interface Probe {
    /** Sets keys and what packets under them look like; {@code counter} is the last one heard. */
    void register(
            byte[] kic,
            byte[] kid,
            byte kicOctet,
            byte kidOctet,
            byte[] tar,
            byte spi,
            byte ccOctets,
            byte[] counter);

    /** The data, or the number of the refusal in one negative element. */
    Object open(byte[] packet);

    byte[] seal(byte[] data);

    byte[] cmac(byte[] key, byte[] message);

    boolean isReply(byte[] data);

    /** The digits of an amount as the screen has them. */
    String digits(byte[] amount, byte exponent);

    /** An amount as typed, or null. */
    byte[] typed(String text, byte exponent);
}
