package svgate.check;

/** What a class of a Java Card 3.0.4 Classic applet without int support may not have. */
public enum Rule {
    VERSION("class file version above 51"),
    INT("int: a variable, an array, a constant, or a sum that is not cast before it is used"),
    LONG("long"),
    FLOATING("float or double"),
    CHAR("char"),
    STRING("String"),
    BOXED("a boxed type"),
    ARRAYS_OF_ARRAYS("an array of arrays"),
    API("a class or member that the card does not have"),
    STATIC_STATE("a static field that is written"),
    THREADS("synchronized"),
    NATIVE("native"),
    DYNAMIC("a lambda or another dynamic call"),
    INNER("a class inside an instance"),
    ENUM("enum or record");

    private final String text;

    Rule(String text) {
        this.text = text;
    }

    @Override
    public String toString() {
        return text;
    }
}
