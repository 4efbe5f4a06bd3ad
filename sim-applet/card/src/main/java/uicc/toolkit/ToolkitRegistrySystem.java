package uicc.toolkit;

import svgate.card.Card;

/** This card's own: it stands in front of the class of this name that applets compile against. */
public final class ToolkitRegistrySystem {
    private ToolkitRegistrySystem() {}

    public static ToolkitRegistry getEntry() {
        return Card.current().usat().registry();
    }
}
