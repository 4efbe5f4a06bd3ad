package svgate.check;

/** Where a class file breaks a rule. */
public record Problem(Rule rule, String where, String what) {
    @Override
    public String toString() {
        return where + ": " + rule + ": " + what;
    }
}
