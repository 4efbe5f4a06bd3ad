package uicc.toolkit;

import javacard.framework.Shareable;

/** What a card calls when an event comes that the applet registered for: TS 102 241. */
public interface ToolkitInterface extends Shareable {
    void processToolkit(short event) throws ToolkitException;
}
