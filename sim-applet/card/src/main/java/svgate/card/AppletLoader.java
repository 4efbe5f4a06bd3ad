package svgate.card;

import java.io.IOException;
import java.io.InputStream;
import java.util.Map;

/** Loads the classes of one applet package, instrumented; everything else is the card's. */
public final class AppletLoader extends ClassLoader {
    private final String packagePrefix;
    private final Map<String, byte[]> replaced;

    /**
     * @param packageName the package whose classes are an applet's
     * @param replaced class files that stand in for those on the class path, by class name: how a
     *     test makes a card with a fault
     */
    public AppletLoader(String packageName, Map<String, byte[]> replaced) {
        super(AppletLoader.class.getClassLoader());
        packagePrefix = packageName + '.';
        this.replaced = Map.copyOf(replaced);
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (!name.startsWith(packagePrefix)) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> loaded = findLoadedClass(name);
            if (loaded == null) {
                byte[] octets = Instrumenter.instrument(classFile(name));
                loaded = defineClass(name, octets, 0, octets.length);
            }
            return loaded;
        }
    }

    private byte[] classFile(String name) throws ClassNotFoundException {
        byte[] other = replaced.get(name);
        if (other != null) {
            return other;
        }
        try (InputStream in = getParent().getResourceAsStream(name.replace('.', '/') + ".class")) {
            if (in == null) {
                throw new ClassNotFoundException(name);
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new ClassNotFoundException(name, e);
        }
    }
}
