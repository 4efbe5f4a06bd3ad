package uicc.toolkit;

/** What an ENVELOPE brought: TS 102 241, class EnvelopeHandler. */
public interface EnvelopeHandler extends ViewHandler {
    byte getEnvelopeTag() throws ToolkitException;

    byte getItemIdentifier() throws ToolkitException;
}
