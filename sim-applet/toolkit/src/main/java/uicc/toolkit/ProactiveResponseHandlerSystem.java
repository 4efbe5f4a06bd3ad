package uicc.toolkit;

/**
 * Where an applet gets its {@link ProactiveResponseHandler}; a card's class of this name takes its
 * place.
 */
public final class ProactiveResponseHandlerSystem {
    private ProactiveResponseHandlerSystem() {}

    public static ProactiveResponseHandler getTheHandler() throws ToolkitException {
        return null;
    }
}
