package uicc.toolkit;

import svgate.card.Card;

/** This card's own: it stands in front of the class of this name that applets compile against. */
public final class TerminalProfile {
    private TerminalProfile() {}

    public static boolean check(short index) {
        return Card.current().usat().terminalCan(index);
    }
}
