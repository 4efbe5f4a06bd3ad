package uicc.toolkit;

/**
 * Where an applet gets its {@link ToolkitRegistry}; a card's class of this name takes its place.
 */
public final class ToolkitRegistrySystem {
    private ToolkitRegistrySystem() {}

    public static ToolkitRegistry getEntry() throws ToolkitException {
        return null;
    }
}
