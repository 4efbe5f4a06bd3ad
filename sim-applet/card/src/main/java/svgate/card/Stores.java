package svgate.card;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What an applet's stores and allocations become: {@link Instrumenter} puts calls of these in their
 * place. The parameters are those that the byte code has on its stack.
 */
public final class Stores {
    private static final Map<String, Field> FIELDS = new ConcurrentHashMap<>();

    private Stores() {}

    /** BASTORE, of bytes and of booleans. */
    public static void storeByte(Object array, int index, int value) {
        Nvm nvm = nvm();
        if (array instanceof byte[] octets) {
            byte before = octets[index];
            if (!nvm.isTransient(octets)) {
                nvm.beforeWrite(1, () -> octets[index] = before);
            }
            octets[index] = (byte) value;
            return;
        }
        boolean[] flags = (boolean[]) array;
        boolean before = flags[index];
        if (!nvm.isTransient(flags)) {
            nvm.beforeWrite(1, () -> flags[index] = before);
        }
        flags[index] = (value & 1) != 0;
    }

    /** SASTORE. */
    public static void storeShort(short[] array, int index, int value) {
        Nvm nvm = nvm();
        short before = array[index];
        if (!nvm.isTransient(array)) {
            nvm.beforeWrite(2, () -> array[index] = before);
        }
        array[index] = (short) value;
    }

    /** AASTORE. */
    public static void storeReference(Object[] array, int index, Object value) {
        Nvm nvm = nvm();
        Object before = array[index];
        if (!nvm.isTransient(array)) {
            nvm.beforeWrite(2, () -> array[index] = before);
        }
        array[index] = value;
    }

    /** In front of PUTFIELD: the field is written by the byte code itself. */
    public static void beforeField(Object owner, String className, String fieldName) {
        Field field = field(owner.getClass(), className, fieldName);
        Nvm nvm = nvm();
        if (!nvm.inTransaction()) {
            nvm.beforeWrite(2, () -> {});
            return;
        }
        try {
            Object before = field.get(owner);
            nvm.beforeWrite(2, () -> put(field, owner, before));
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
        }
    }

    /** In front of NEW. */
    public static void newObject(Class<?> type) {
        int octets = Nvm.OBJECT_HEADER;
        for (Class<?> c = type;
                c != null && c.getClassLoader() == type.getClassLoader();
                c = c.getSuperclass()) {
            for (Field field : c.getDeclaredFields()) {
                if (!Modifier.isStatic(field.getModifiers())) {
                    boolean octet =
                            field.getType() == byte.class || field.getType() == boolean.class;
                    octets += octet ? 1 : 2;
                }
            }
        }
        nvm().allocate(type.getSimpleName(), octets);
    }

    /** In front of NEWARRAY and ANEWARRAY; gives the length back. */
    public static int newArray(int length, int octetsEach) {
        nvm().allocate("arrays", Nvm.OBJECT_HEADER + length * octetsEach);
        return length;
    }

    private static void put(Field field, Object owner, Object value) {
        try {
            field.set(owner, value);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Field field(Class<?> of, String className, String fieldName) {
        String key = System.identityHashCode(of.getClassLoader()) + className + '.' + fieldName;
        return FIELDS.computeIfAbsent(
                key,
                unused -> {
                    for (Class<?> c = of; c != null; c = c.getSuperclass()) {
                        if (c.getName().equals(className)) {
                            try {
                                Field field = c.getDeclaredField(fieldName);
                                field.setAccessible(true);
                                return field;
                            } catch (NoSuchFieldException e) {
                                throw new IllegalStateException(e);
                            }
                        }
                    }
                    throw new IllegalStateException("no field " + key);
                });
    }

    private static Nvm nvm() {
        return Card.current().nvm();
    }
}
