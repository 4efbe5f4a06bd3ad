package uicc.toolkit;

import svgate.card.Card;

/** This card's own: it stands in front of the class of this name that applets compile against. */
public final class EnvelopeHandlerSystem {
    private EnvelopeHandlerSystem() {}

    public static EnvelopeHandler getTheHandler() {
        return Card.current().usat().envelopeHandler();
    }
}
