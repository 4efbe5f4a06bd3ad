/**
 * A card: runs an applet's classes as they were compiled, on memory that loses power at any write.
 *
 * <pre>
 * Main ──► VpcdServer ──APDU──► Card ──► Applet.process
 *                                 └────► Usat ──► ToolkitInterface.processToolkit ──► Phone
 * AppletLoader ──► Instrumenter: each store of an applet goes through Stores into Nvm
 * </pre>
 */
package svgate.card;
