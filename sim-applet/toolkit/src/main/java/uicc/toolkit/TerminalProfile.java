package uicc.toolkit;

/** What the terminal can do: TS 102 241; a card's class of this name takes its place. */
public final class TerminalProfile {
    private TerminalProfile() {}

    /** Whether bit {@code index} is set, bit 0 being b1 of the first octet of the profile. */
    public static boolean check(short index) throws ToolkitException {
        return false;
    }
}
