package svgate.card;

import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * Leads each store and each allocation of an applet's class through {@link Stores}. Class
 * initialisers are left alone: what they fill comes with the CAP. Static state is refused, as the
 * class check does.
 */
final class Instrumenter extends ClassVisitor {
    private static final String STORES = Type.getInternalName(Stores.class);

    private String className = "";

    private Instrumenter(ClassVisitor next) {
        super(Opcodes.ASM9, next);
    }

    static byte[] instrument(byte[] classFile) {
        ClassReader reader = new ClassReader(classFile);
        ClassWriter writer = new ClassWriter(reader, ClassWriter.COMPUTE_MAXS);
        reader.accept(new Instrumenter(writer), 0);
        return writer.toByteArray();
    }

    @Override
    public void visit(
            int version, int access, String name, String signature, String parent, String[] faces) {
        className = name;
        super.visit(version, access, name, signature, parent, faces);
    }

    @Override
    public MethodVisitor visitMethod(
            int access, String name, String descriptor, String signature, String[] exceptions) {
        MethodVisitor next = super.visitMethod(access, name, descriptor, signature, exceptions);
        return name.equals("<clinit>") ? next : new Method(next);
    }

    private final class Method extends MethodVisitor {
        Method(MethodVisitor next) {
            super(Opcodes.ASM9, next);
        }

        @Override
        public void visitInsn(int opcode) {
            switch (opcode) {
                case Opcodes.BASTORE -> call("storeByte", "(Ljava/lang/Object;II)V");
                case Opcodes.SASTORE -> call("storeShort", "([SII)V");
                case Opcodes.AASTORE ->
                        call("storeReference", "([Ljava/lang/Object;ILjava/lang/Object;)V");
                default -> super.visitInsn(opcode);
            }
        }

        @Override
        public void visitFieldInsn(int opcode, String owner, String name, String descriptor) {
            if (opcode == Opcodes.PUTSTATIC) {
                throw new IllegalStateException("static state: " + className + '.' + name);
            }
            if (opcode == Opcodes.PUTFIELD) {
                // owner, value -> owner, value, owner, then the names
                super.visitInsn(Opcodes.DUP2);
                super.visitInsn(Opcodes.POP);
                super.visitLdcInsn(owner.replace('/', '.'));
                super.visitLdcInsn(name);
                call("beforeField", "(Ljava/lang/Object;Ljava/lang/String;Ljava/lang/String;)V");
            }
            super.visitFieldInsn(opcode, owner, name, descriptor);
        }

        @Override
        public void visitTypeInsn(int opcode, String type) {
            if (opcode == Opcodes.NEW) {
                super.visitLdcInsn(Type.getObjectType(type));
                call("newObject", "(Ljava/lang/Class;)V");
            } else if (opcode == Opcodes.ANEWARRAY) {
                countArray(2);
            }
            super.visitTypeInsn(opcode, type);
        }

        @Override
        public void visitIntInsn(int opcode, int operand) {
            if (opcode == Opcodes.NEWARRAY) {
                countArray(operand == Opcodes.T_SHORT ? 2 : 1);
            }
            super.visitIntInsn(opcode, operand);
        }

        private void countArray(int octetsEach) {
            super.visitInsn(octetsEach == 2 ? Opcodes.ICONST_2 : Opcodes.ICONST_1);
            call("newArray", "(II)I");
        }

        private void call(String name, String descriptor) {
            super.visitMethodInsn(Opcodes.INVOKESTATIC, STORES, name, descriptor, false);
        }
    }
}
