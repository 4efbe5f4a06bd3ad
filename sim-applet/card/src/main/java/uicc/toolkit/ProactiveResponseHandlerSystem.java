package uicc.toolkit;

import svgate.card.Card;

/** This card's own: it stands in front of the class of this name that applets compile against. */
public final class ProactiveResponseHandlerSystem {
    private ProactiveResponseHandlerSystem() {}

    public static ProactiveResponseHandler getTheHandler() {
        return Card.current().usat().responseHandler();
    }
}
