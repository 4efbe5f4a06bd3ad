package uicc.toolkit;

/**
 * Where an applet gets its {@link EnvelopeHandler}; a card's class of this name takes its place.
 */
public final class EnvelopeHandlerSystem {
    private EnvelopeHandlerSystem() {}

    public static EnvelopeHandler getTheHandler() throws ToolkitException {
        return null;
    }
}
