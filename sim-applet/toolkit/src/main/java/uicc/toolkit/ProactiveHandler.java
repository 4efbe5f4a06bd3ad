package uicc.toolkit;

/** A proactive command that is being written, then sent: TS 102 241, class ProactiveHandler. */
public interface ProactiveHandler extends EditHandler {
    void init(byte type, byte qualifier, byte dstDevice) throws ToolkitException;

    void initDisplayText(byte qualifier, byte dcs, byte[] buffer, short offset, short length)
            throws ToolkitException;

    void initGetInkey(byte qualifier, byte dcs, byte[] buffer, short offset, short length)
            throws ToolkitException;

    void initGetInput(
            byte qualifier,
            byte dcs,
            byte[] buffer,
            short offset,
            short length,
            short minRespLength,
            short maxRespLength)
            throws ToolkitException;

    /** Blocks until the terminal has answered; gives the general result. */
    byte send() throws ToolkitException;
}
