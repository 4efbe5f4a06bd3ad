package uicc.toolkit;

/** The terminal's answer to a proactive command: TS 102 241, class ProactiveResponseHandler. */
public interface ProactiveResponseHandler extends ViewHandler {
    byte getGeneralResult() throws ToolkitException;

    short getAdditionalInformationLength() throws ToolkitException;

    short copyAdditionalInformation(byte[] dstBuffer, short dstOffset, short dstLength)
            throws ToolkitException;

    byte getItemIdentifier() throws ToolkitException;

    short getTextStringLength() throws ToolkitException;

    byte getTextStringCodingScheme() throws ToolkitException;

    short copyTextString(byte[] dstBuffer, short dstOffset) throws ToolkitException;
}
