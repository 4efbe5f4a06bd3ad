package uicc.toolkit;

import svgate.card.Card;

/** This card's own: it stands in front of the class of this name that applets compile against. */
public final class ProactiveHandlerSystem {
    private ProactiveHandlerSystem() {}

    public static ProactiveHandler getTheHandler() {
        return Card.current().usat().proactiveHandler();
    }
}
