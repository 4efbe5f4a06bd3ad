package uicc.toolkit;

/**
 * Where an applet gets its {@link ProactiveHandler}; a card's class of this name takes its place.
 */
public final class ProactiveHandlerSystem {
    private ProactiveHandlerSystem() {}

    public static ProactiveHandler getTheHandler() throws ToolkitException {
        return null;
    }
}
