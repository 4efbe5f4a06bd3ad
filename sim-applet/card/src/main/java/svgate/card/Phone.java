package svgate.card;

/** The terminal's side of a proactive command. */
@FunctionalInterface
public interface Phone {
    /**
     * Answers a proactive command.
     *
     * @param command the whole BER-TLV, from D0 on
     * @return the elements of the TERMINAL RESPONSE
     */
    byte[] answer(byte[] command);
}
