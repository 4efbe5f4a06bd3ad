package svgate.check;

import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.LdcInsnNode;
import org.objectweb.asm.tree.analysis.AnalyzerException;
import org.objectweb.asm.tree.analysis.BasicInterpreter;
import org.objectweb.asm.tree.analysis.BasicValue;

import java.util.List;
import java.util.function.Consumer;

/**
 * Follows numbers through a method: on a card a sum has 16 bits, so one that may have overflowed
 * must be cast to short or byte before anything looks at more than its low bits.
 *
 * <pre>
 * wide   + - * << of anything, & | ^ of a wide value
 * narrow everything else; a cast makes narrow of wide
 * wide into: a cast, + - * << & | ^; nowhere else
 * </pre>
 */
final class Widths extends BasicInterpreter {
    private static final BasicValue WIDE = new Wide();

    private final Consumer<String> report;

    Widths(Consumer<String> report) {
        super(ASM9);
        this.report = report;
    }

    @Override
    public BasicValue newOperation(AbstractInsnNode insn) throws AnalyzerException {
        if (insn instanceof LdcInsnNode ldc && ldc.cst instanceof Integer constant) {
            report.accept("the constant " + constant);
        }
        return super.newOperation(insn);
    }

    @Override
    public BasicValue copyOperation(AbstractInsnNode insn, BasicValue value) {
        if (insn.getOpcode() == Opcodes.ISTORE) {
            refuseWide(value, "a variable");
        }
        return value;
    }

    @Override
    public BasicValue unaryOperation(AbstractInsnNode insn, BasicValue value)
            throws AnalyzerException {
        switch (insn.getOpcode()) {
            case Opcodes.I2B, Opcodes.I2S -> {
                return BasicValue.INT_VALUE;
            }
            case Opcodes.INEG -> {
                return WIDE;
            }
            case Opcodes.IINC -> {
                report.accept("a variable that is counted");
                return value;
            }
            default -> {
                refuseWide(value, "a comparison, a switch, a length, a field or a result");
                return super.unaryOperation(insn, value);
            }
        }
    }

    @Override
    public BasicValue binaryOperation(AbstractInsnNode insn, BasicValue left, BasicValue right)
            throws AnalyzerException {
        switch (insn.getOpcode()) {
            case Opcodes.IADD, Opcodes.ISUB, Opcodes.IMUL, Opcodes.ISHL -> {
                return WIDE;
            }
            case Opcodes.IAND, Opcodes.IOR, Opcodes.IXOR -> {
                return left == WIDE || right == WIDE ? WIDE : BasicValue.INT_VALUE;
            }
            case Opcodes.IUSHR -> {
                refuseWide(left, "a shift");
                return WIDE;
            }
            default -> {
                refuseWide(left, "a division, a shift or a comparison");
                refuseWide(right, "a division, a shift, a comparison, an index or a field");
                return super.binaryOperation(insn, left, right);
            }
        }
    }

    @Override
    public BasicValue ternaryOperation(
            AbstractInsnNode insn, BasicValue array, BasicValue index, BasicValue value)
            throws AnalyzerException {
        refuseWide(index, "an index");
        refuseWide(value, "an element");
        return super.ternaryOperation(insn, array, index, value);
    }

    @Override
    public BasicValue naryOperation(AbstractInsnNode insn, List<? extends BasicValue> values)
            throws AnalyzerException {
        values.forEach(value -> refuseWide(value, "a parameter"));
        return super.naryOperation(insn, values);
    }

    @Override
    public BasicValue merge(BasicValue left, BasicValue right) {
        boolean numbers = isNumber(left) && isNumber(right);
        return numbers && (left == WIDE || right == WIDE) ? WIDE : super.merge(left, right);
    }

    private void refuseWide(BasicValue value, String use) {
        if (value == WIDE) {
            report.accept("a sum that is not cast goes into " + use);
        }
    }

    private static boolean isNumber(BasicValue value) {
        return value == WIDE || value == BasicValue.INT_VALUE;
    }

    /** A number of more than 16 bits, for all that is known. */
    private static final class Wide extends BasicValue {
        Wide() {
            super(Type.INT_TYPE);
        }

        @Override
        public boolean equals(Object other) {
            return this == other;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(this);
        }
    }
}
