package uicc.toolkit;

/** The events and menu entries of one applet: TS 102 241, interface ToolkitRegistry. */
public interface ToolkitRegistry {
    void setEvent(short event) throws ToolkitException;

    void clearEvent(short event) throws ToolkitException;

    boolean isEventSet(short event);

    byte initMenuEntry(
            byte[] menuEntry,
            short offset,
            short length,
            byte nextAction,
            boolean helpSupported,
            byte iconQualifier,
            short iconIdentifier)
            throws ToolkitException;

    void changeMenuEntry(
            byte id,
            byte[] menuEntry,
            short offset,
            short length,
            byte nextAction,
            boolean helpSupported,
            byte iconQualifier,
            short iconIdentifier)
            throws ToolkitException;

    void enableMenuEntry(byte id) throws ToolkitException;

    void disableMenuEntry(byte id) throws ToolkitException;
}
