package uicc.toolkit;

import javacard.framework.CardRuntimeException;

/** What goes wrong in this package: TS 102 241, class ToolkitException. */
@SuppressWarnings("serial")
public class ToolkitException extends CardRuntimeException {
    public static final short HANDLER_OVERFLOW = 1;
    public static final short HANDLER_NOT_AVAILABLE = 2;
    public static final short UNAVAILABLE_ELEMENT = 3;
    public static final short MENU_ENTRY_NOT_FOUND = 4;
    public static final short REGISTRY_ERROR = 5;
    public static final short EVENT_NOT_SUPPORTED = 6;
    public static final short OUT_OF_TLV_BOUNDARIES = 8;
    public static final short TERMINAL_PROFILE_NOT_AVAILABLE = 9;
    public static final short ALLOWED_LENGTH_EXCEEDED = 10;
    public static final short BAD_INPUT_PARAMETER = 14;
    public static final short COMMAND_NOT_ALLOWED = 15;

    public ToolkitException(short reason) {
        super(reason);
    }

    public static void throwIt(short reason) throws ToolkitException {
        throw new ToolkitException(reason);
    }
}
