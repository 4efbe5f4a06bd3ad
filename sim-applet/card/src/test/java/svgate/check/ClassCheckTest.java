package svgate.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import javax.tools.ToolProvider;

/** Each rule with a class that breaks it and nothing else; and the applet, which breaks none. */
class ClassCheckTest {
    @TempDir Path folder;

    @Test
    void theAppletBreaksNoRule() throws IOException {
        Path classes = Path.of(System.getProperty("appletClasses"));
        List<Problem> problems = new ArrayList<>();
        List<Path> files = ClassCheck.classFiles(classes);
        long octets = 0;
        for (Path file : files) {
            byte[] classFile = Files.readAllBytes(file);
            octets += classFile.length;
            problems.addAll(ClassCheck.check(classFile));
        }
        assertEquals(List.of(), problems);
        assertTrue(files.size() >= 20, files.toString());
        System.out.printf(
                "class check: %d classes of %d octets, %d rules, nothing refused%n",
                files.size(), octets, Rule.values().length);
    }

    static Stream<Arguments> broken() {
        return Stream.of(
                broken(Rule.INT, "int x;"),
                broken(Rule.INT, "short m(short a) { int b = a; return (short) b; }"),
                broken(Rule.INT, "boolean m(short a, short b) { return a + b > 7; }"),
                broken(Rule.INT, "short m(short a, short b) { return (short) (a * b / 3); }"),
                broken(Rule.INT, "byte m(byte[] a, short b) { return a[b + 1]; }"),
                broken(Rule.INT, "short m(short a) { return (short) (a + 40000); }"),
                broken(Rule.INT, "Object m() { return new int[2]; }"),
                broken(Rule.INT, "boolean m(short a) { return a << 1 == 2; }"),
                broken(Rule.LONG, "long x;"),
                broken(Rule.LONG, "short m(short a) { return (short) (a + 1L); }"),
                broken(Rule.FLOATING, "float x;"),
                broken(Rule.FLOATING, "double x;"),
                broken(Rule.FLOATING, "short m(short a) { return (short) (a * 1.5); }"),
                broken(Rule.CHAR, "char x;"),
                broken(Rule.CHAR, "byte m(short a) { return (byte) (char) a; }"),
                broken(Rule.STRING, "Object m() { return \"text\"; }"),
                broken(Rule.STRING, "String x;"),
                broken(Rule.BOXED, "Short x;"),
                broken(Rule.BOXED, "Object m(byte a) { return (Object) a; }"),
                broken(Rule.ARRAYS_OF_ARRAYS, "byte[][] x;"),
                broken(Rule.ARRAYS_OF_ARRAYS, "Object m() { return new byte[2][2]; }"),
                broken(Rule.ARRAYS_OF_ARRAYS, "Object m() { return new byte[2][]; }"),
                broken(Rule.API, "Object m() { return new java.util.Vector(); }"),
                broken(Rule.API, "short m() { return (short) System.nanoTime(); }"),
                broken(Rule.API, "short m() { return (short) hashCode(); }"),
                broken(Rule.API, "Object m(byte[] a) { return a.clone(); }"),
                broken(Rule.API, "Object m() { return byte[].class; }"),
                broken(Rule.STATIC_STATE, "static short x;"),
                broken(Rule.STATIC_STATE, "static byte[] x = {1};"),
                broken(Rule.THREADS, "synchronized void m() {}"),
                broken(Rule.THREADS, "void m() { synchronized (this) { } }"),
                broken(Rule.NATIVE, "native void m();"),
                broken(Rule.DYNAMIC, "interface F { void f(); } F m() { return () -> { }; }"),
                broken(Rule.INNER, "class Inner { } "),
                broken(Rule.ENUM, "enum E { A }"),
                broken(Rule.VERSION, "void m() { }"));
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("broken")
    void everyRuleRefusesItsExample(Rule rule, String members) throws IOException {
        Set<Rule> found = rulesBrokenBy(members);
        assertTrue(found.contains(rule), members + " was refused only for " + found);
    }

    @Test
    void everyRuleHasAnExample() {
        Set<Object> shown = broken().map(a -> a.get()[0]).collect(Collectors.toSet());
        assertEquals(Set.copyOf(EnumSet.allOf(Rule.class)), shown);
    }

    @Test
    void whatACardCanDoIsNotRefused() throws IOException {
        Set<Rule> found =
                rulesBrokenBy(
                        "private static final byte[] T = {1, 2};short m(byte[] a, short b, short c)"
                            + " {  short d = (short) (b + c);  for (short i = 0; i < d; i++) { a[i]"
                            + " ^= T[(short) (i & 1)]; }  if ((byte) (a[0] << 1) == (byte) 0x80) {"
                            + " return (short) 0x9000; }  return (short) (d > c ? d : (short) (c -"
                            + " 1)); }");
        // These examples are compiled for a newer version, which is refused by itself.
        assertEquals(Set.of(Rule.VERSION), found);
    }

    private Set<Rule> rulesBrokenBy(String members) throws IOException {
        Path source = folder.resolve("Example.java");
        Files.writeString(source, "package example; class Example { " + members + " }");
        int compiled =
                ToolProvider.getSystemJavaCompiler()
                        .run(
                                null,
                                null,
                                null,
                                "-nowarn",
                                "-g",
                                "-Xlint:none",
                                "-d",
                                folder.toString(),
                                source.toString());
        assertEquals(0, compiled, members);
        Set<Rule> rules = EnumSet.noneOf(Rule.class);
        for (Path file : ClassCheck.classFiles(folder)) {
            ClassCheck.check(Files.readAllBytes(file)).forEach(p -> rules.add(p.rule()));
        }
        return rules;
    }

    private static Arguments broken(Rule rule, String members) {
        return Arguments.of(rule, members);
    }
}
