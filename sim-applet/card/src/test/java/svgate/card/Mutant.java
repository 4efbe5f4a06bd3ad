package svgate.card;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;

/** The applet with a fault in its source: what a harness must be able to find. */
final class Mutant {
    private final Map<String, String> sources = new HashMap<>();

    /** Changes one place of one class; the place must be there exactly once. */
    Mutant with(String className, String place, String replacement) {
        String source = sources.computeIfAbsent(className, Mutant::source);
        int first = source.indexOf(place);
        if (first < 0 || source.indexOf(place, first + 1) >= 0) {
            throw new IllegalArgumentException(className + " has not once: " + place);
        }
        sources.put(className, source.replace(place, replacement));
        return this;
    }

    AppletLoader loader() {
        try {
            Path folder = Files.createTempDirectory("mutant");
            Map<String, byte[]> classes = new HashMap<>();
            JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
            for (Map.Entry<String, String> source : sources.entrySet()) {
                Path file = folder.resolve(source.getKey() + ".java");
                Files.writeString(file, source.getValue());
                List<String> arguments =
                        List.of(
                                "-proc:none",
                                "-nowarn",
                                "-cp",
                                System.getProperty("java.class.path"),
                                "-d",
                                folder.toString(),
                                file.toString());
                if (compiler.run(null, null, null, arguments.toArray(String[]::new)) != 0) {
                    throw new IllegalStateException("the mutant does not compile");
                }
                Path compiled = folder.resolve("svgate/applet/" + source.getKey() + ".class");
                classes.put("svgate.applet." + source.getKey(), Files.readAllBytes(compiled));
            }
            return new AppletLoader("svgate.applet", classes);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String source(String className) {
        try {
            Path folder = Path.of(System.getProperty("appletSource"));
            return Files.readString(folder.resolve("svgate/applet/" + className + ".java"));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
