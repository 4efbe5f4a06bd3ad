package svgate.check;

import org.objectweb.asm.ClassReader;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.FieldInsnNode;
import org.objectweb.asm.tree.FieldNode;
import org.objectweb.asm.tree.IntInsnNode;
import org.objectweb.asm.tree.LdcInsnNode;
import org.objectweb.asm.tree.LocalVariableNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;
import org.objectweb.asm.tree.TypeInsnNode;
import org.objectweb.asm.tree.analysis.Analyzer;
import org.objectweb.asm.tree.analysis.AnalyzerException;

import java.io.IOException;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Reads the class files of an applet package and names everything in them that a converter for Java
 * Card 3.0.4 Classic without int support would refuse, and static state, which the applet shall not
 * have. Calls out of the package are looked up in the card's own classes.
 */
public final class ClassCheck {
    private static final int CLASS_VERSION_MAX = 51;
    private static final Set<String> API =
            Set.of(
                    "javacard/framework/",
                    "javacard/security/",
                    "javacardx/crypto/",
                    "uicc/toolkit/");
    private static final Set<String> LANGUAGE =
            Set.of(
                    "java/lang/Object",
                    "java/lang/Throwable",
                    "java/lang/Exception",
                    "java/lang/RuntimeException",
                    "java/lang/ArithmeticException",
                    "java/lang/ArrayIndexOutOfBoundsException",
                    "java/lang/ArrayStoreException",
                    "java/lang/ClassCastException",
                    "java/lang/IndexOutOfBoundsException",
                    "java/lang/NegativeArraySizeException",
                    "java/lang/NullPointerException",
                    "java/lang/SecurityException");
    private static final Set<String> LANGUAGE_METHODS = Set.of("<init>", "equals");
    private static final Set<String> BOXES =
            Set.of(
                    "java/lang/Byte",
                    "java/lang/Short",
                    "java/lang/Integer",
                    "java/lang/Long",
                    "java/lang/Character",
                    "java/lang/Boolean",
                    "java/lang/Float",
                    "java/lang/Double",
                    "java/lang/Number");

    private final List<Problem> problems = new ArrayList<>();
    private final ClassNode node = new ClassNode();
    private final String home;

    private ClassCheck(byte[] classFile) {
        new ClassReader(classFile).accept(node, 0);
        home = node.name.substring(0, node.name.lastIndexOf('/') + 1);
    }

    /** Checks the class files below a folder, and ends with 1 when there is a problem. */
    public static void main(String[] arguments) throws IOException {
        List<Problem> problems = new ArrayList<>();
        for (Path file : classFiles(Path.of(arguments[0]))) {
            problems.addAll(check(Files.readAllBytes(file)));
        }
        problems.forEach(System.err::println);
        if (!problems.isEmpty()) {
            System.exit(1);
        }
    }

    public static List<Path> classFiles(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(f -> f.toString().endsWith(".class"))
                    .filter(f -> !f.endsWith("package-info.class"))
                    .sorted()
                    .toList();
        }
    }

    public static List<Problem> check(byte[] classFile) {
        ClassCheck check = new ClassCheck(classFile);
        check.checkClass();
        return check.problems;
    }

    private void checkClass() {
        if ((node.version & 0xFFFF) > CLASS_VERSION_MAX) {
            report(Rule.VERSION, "class", "version " + (node.version & 0xFFFF));
        }
        if ((node.access & (Opcodes.ACC_ENUM | Opcodes.ACC_RECORD)) != 0) {
            report(Rule.ENUM, "class", node.superName);
        }
        checkType("class", node.superName);
        node.interfaces.forEach(face -> checkType("class", face));
        node.fields.forEach(this::checkField);
        node.methods.forEach(this::checkMethod);
    }

    private void checkField(FieldNode field) {
        checkDescriptor(field.name, field.desc);
        boolean isStatic = Modifier.isStatic(field.access);
        if (isStatic && !Modifier.isFinal(field.access)) {
            report(Rule.STATIC_STATE, field.name, "not final");
        }
        if (field.name.startsWith("this$")) {
            report(Rule.INNER, field.name, "it holds its outer instance");
        }
    }

    private void checkMethod(MethodNode method) {
        checkDescriptor(method.name, method.desc);
        if (Modifier.isSynchronized(method.access)) {
            report(Rule.THREADS, method.name, "the method");
        }
        if (Modifier.isNative(method.access)) {
            report(Rule.NATIVE, method.name, "the method");
        }
        if (method.localVariables != null) {
            for (LocalVariableNode variable : method.localVariables) {
                checkDescriptor(method.name + " " + variable.name, variable.desc);
            }
        }
        for (AbstractInsnNode insn : method.instructions) {
            checkInstruction(method, insn);
        }
        try {
            Widths widths = new Widths(what -> report(Rule.INT, method.name, what));
            new Analyzer<>(widths).analyze(node.name, method);
        } catch (AnalyzerException e) {
            throw new IllegalArgumentException(node.name + '.' + method.name, e);
        }
    }

    private void checkInstruction(MethodNode method, AbstractInsnNode insn) {
        String where = method.name;
        if (insn instanceof FieldInsnNode field) {
            checkField(method, field);
        } else if (insn instanceof MethodInsnNode call) {
            checkDescriptor(where, call.desc);
            checkMember(where, call.owner, call.name, call.desc);
        } else if (insn instanceof TypeInsnNode type) {
            boolean inner = insn.getOpcode() == Opcodes.ANEWARRAY && type.desc.startsWith("[");
            if (inner) {
                report(Rule.ARRAYS_OF_ARRAYS, where, type.desc);
            }
            checkType(where, type.desc);
        } else if (insn instanceof LdcInsnNode ldc) {
            checkConstant(where, ldc.cst);
        } else if (insn instanceof IntInsnNode array && insn.getOpcode() == Opcodes.NEWARRAY) {
            checkDescriptor(where, elementType(array.operand));
        } else {
            checkOpcode(where, insn.getOpcode());
        }
    }

    private void checkField(MethodNode method, FieldInsnNode field) {
        checkDescriptor(method.name, field.desc);
        checkMember(method.name, field.owner, field.name, field.desc);
        if (field.getOpcode() == Opcodes.PUTSTATIC && !method.name.equals("<clinit>")) {
            report(Rule.STATIC_STATE, method.name, field.name);
        }
    }

    private void checkConstant(String where, Object constant) {
        if (constant instanceof String) {
            report(Rule.STRING, where, "a constant");
        } else if (constant instanceof Long) {
            report(Rule.LONG, where, "a constant");
        } else if (constant instanceof Float || constant instanceof Double) {
            report(Rule.FLOATING, where, "a constant");
        } else if (constant instanceof Type) {
            report(Rule.API, where, "a class as a constant");
        }
    }

    private void checkOpcode(String where, int opcode) {
        switch (opcode) {
            case Opcodes.I2C -> report(Rule.CHAR, where, "a cast");
            case Opcodes.I2L, Opcodes.LCONST_0, Opcodes.LCONST_1 ->
                    report(Rule.LONG, where, "a number");
            case Opcodes.I2F,
                            Opcodes.I2D,
                            Opcodes.FCONST_0,
                            Opcodes.FCONST_1,
                            Opcodes.FCONST_2,
                            Opcodes.DCONST_0,
                            Opcodes.DCONST_1 ->
                    report(Rule.FLOATING, where, "a number");
            case Opcodes.MONITORENTER, Opcodes.MONITOREXIT ->
                    report(Rule.THREADS, where, "a block");
            case Opcodes.INVOKEDYNAMIC -> report(Rule.DYNAMIC, where, "invokedynamic");
            case Opcodes.MULTIANEWARRAY -> report(Rule.ARRAYS_OF_ARRAYS, where, "new");
            default -> {}
        }
    }

    private void checkDescriptor(String where, String descriptor) {
        if (descriptor.startsWith("(")) {
            for (Type parameter : Type.getArgumentTypes(descriptor)) {
                checkType(where, parameter);
            }
            checkType(where, Type.getReturnType(descriptor));
        } else {
            checkType(where, Type.getType(descriptor));
        }
    }

    private void checkType(String where, Type type) {
        switch (type.getSort()) {
            case Type.ARRAY -> {
                if (type.getDimensions() > 1) {
                    report(Rule.ARRAYS_OF_ARRAYS, where, type.getDescriptor());
                }
                checkType(where, type.getElementType());
            }
            case Type.INT -> report(Rule.INT, where, "the type");
            case Type.LONG -> report(Rule.LONG, where, "the type");
            case Type.FLOAT, Type.DOUBLE -> report(Rule.FLOATING, where, "the type");
            case Type.CHAR -> report(Rule.CHAR, where, "the type");
            case Type.OBJECT -> checkType(where, type.getInternalName());
            default -> {}
        }
    }

    private void checkType(String where, String internalName) {
        if (internalName.startsWith("[")) {
            checkType(where, Type.getType(internalName));
        } else if (internalName.equals("java/lang/String")) {
            report(Rule.STRING, where, "the type");
        } else if (BOXES.contains(internalName)) {
            report(Rule.BOXED, where, internalName);
        } else if (!isOurs(internalName) && !isOfCard(internalName)) {
            report(Rule.API, where, internalName);
        }
    }

    private void checkMember(String where, String owner, String name, String descriptor) {
        if (owner.startsWith("[")) {
            report(Rule.API, where, owner + '.' + name);
            return;
        }
        checkType(where, owner);
        boolean language = LANGUAGE.contains(owner);
        boolean known =
                language
                        ? LANGUAGE_METHODS.contains(name)
                        : isOurs(owner) || has(owner, name, descriptor);
        if (isOfCard(owner) && !known) {
            report(Rule.API, where, owner + '.' + name + descriptor);
        }
    }

    private boolean isOurs(String internalName) {
        return internalName.startsWith(home) && internalName.indexOf('/', home.length()) < 0;
    }

    private static boolean isOfCard(String internalName) {
        if (LANGUAGE.contains(internalName)) {
            return true;
        }
        String home = internalName.substring(0, internalName.lastIndexOf('/') + 1);
        return API.contains(home) && classOf(internalName) != null;
    }

    /** Whether the card's class, or one above it, has a member of this name and descriptor. */
    private static boolean has(String owner, String name, String descriptor) {
        Class<?> type = classOf(owner);
        if (type == null) {
            return false;
        }
        if (name.equals("<init>")) {
            return Arrays.stream(type.getDeclaredConstructors())
                    .anyMatch(c -> Type.getConstructorDescriptor(c).equals(descriptor));
        }
        for (Class<?> c = type; c != null; c = c.getSuperclass()) {
            boolean method =
                    Stream.concat(
                                    Arrays.stream(c.getMethods()),
                                    Arrays.stream(c.getDeclaredMethods()))
                            .anyMatch(
                                    m ->
                                            m.getName().equals(name)
                                                    && Type.getMethodDescriptor(m)
                                                            .equals(descriptor));
            boolean field =
                    Arrays.stream(c.getFields())
                            .anyMatch(
                                    f ->
                                            f.getName().equals(name)
                                                    && Type.getDescriptor(f.getType())
                                                            .equals(descriptor));
            if (method || field) {
                return true;
            }
        }
        return false;
    }

    private static Class<?> classOf(String internalName) {
        try {
            return Class.forName(
                    internalName.replace('/', '.'), false, ClassCheck.class.getClassLoader());
        } catch (ClassNotFoundException e) {
            return null;
        }
    }

    private static String elementType(int operand) {
        return switch (operand) {
            case Opcodes.T_BOOLEAN -> "Z";
            case Opcodes.T_BYTE -> "B";
            case Opcodes.T_SHORT -> "S";
            case Opcodes.T_CHAR -> "C";
            case Opcodes.T_INT -> "I";
            case Opcodes.T_LONG -> "J";
            case Opcodes.T_FLOAT -> "F";
            default -> "D";
        };
    }

    private void report(Rule rule, String where, String what) {
        problems.add(new Problem(rule, node.name + '.' + where, what));
    }
}
