package svgate.card;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.ToIntFunction;

/** Power cut at every persistent write of every operation; and proof that it would be noticed. */
class PowerCutTest {
    private static final Map<String, ToIntFunction<Operations>> OPERATIONS = new LinkedHashMap<>();

    static {
        OPERATIONS.put("install", Operations::install);
        OPERATIONS.put("personalise", Operations::personalise);
        OPERATIONS.put("buy", Operations::buy);
        OPERATIONS.put("not sent, sent again", Operations::notSentAndSentAgain);
        OPERATIONS.put("offer", Operations::offer);
        OPERATIONS.put("receipt", Operations::receipt);
        OPERATIONS.put("forged receipt", Operations::forgedReceipt);
        OPERATIONS.put("wrong PIN", Operations::wrongPin);
        OPERATIONS.put("change PIN", Operations::changePin);
        OPERATIONS.put("unblock by PUK", Operations::unblockByPuk);
        OPERATIONS.put("unblock", Operations::unblock);
        OPERATIONS.put("unblock with a new PIN", Operations::unblockWithNewPin);
        OPERATIONS.put("re-key", Operations::rekey);
        OPERATIONS.put("change a text", Operations::changeText);
        OPERATIONS.put("change the short code", Operations::changeService);
        OPERATIONS.put("lock and unlock", Operations::lockAndUnlock);
        OPERATIONS.put("choose a language", Operations::chooseLanguage);
    }

    @Test
    void noCutAtAnyWriteOfAnyOperationDoesHarm() {
        Operations operations = new Operations(new AppletLoader("svgate.applet", Map.of()));
        int all = 0;
        for (Map.Entry<String, ToIntFunction<Operations>> operation : OPERATIONS.entrySet()) {
            int cuts = operation.getValue().applyAsInt(operations);
            System.out.printf("power cuts: %-24s %5d%n", operation.getKey(), cuts);
            boolean writes = !operation.getKey().equals("forged receipt");
            assertEquals(writes, cuts > 0, operation.getKey());
            all += cuts;
        }
        System.out.printf("power cuts: %-24s %5d%n", "all", all);
    }

    @Test
    void anAppletThatCommitsAfterItSignsIsFound() {
        Mutant mutant =
                new Mutant()
                        .with("LastOrder", "        JCSystem.commitTransaction();\n", "")
                        .with(
                                "Bearer",
                                "        tpdu[udl] = (byte) (length + 3);\n",
                                "        tpdu[udl] = (byte) (length + 3);\n"
                                    + "        javacard.framework.JCSystem.commitTransaction();\n");
        isFound(mutant, "buy", "used twice");
    }

    @Test
    void anAppletThatKeepsAReceiptApartFromItsCounterIsFound() {
        Mutant mutant =
                new Mutant()
                        .with(
                                "Inbox",
                                "        if (!repeated) {\n"
                                        + "            receipts.keep(ram.packet, data, length);\n"
                                        + "        }\n",
                                "")
                        .with(
                                "Inbox",
                                "        JCSystem.beginTransaction();\n        packets.hear",
                                "        receipts.keep(ram.packet, data, length);\n"
                                        + "        JCSystem.beginTransaction();\n"
                                        + "        packets.hear");
        isFound(mutant, "receipt", "expected: <0> but was: <1>");
    }

    @Test
    void anAppletThatTurnsToKeysBeforeTheyAreLoadedIsFound() {
        Mutant mutant =
                new Mutant()
                        .with(
                                "Commands",
                                "        if (loads) {\n            keys.load(",
                                "        if (false) {\n            keys.load(")
                        .with(
                                "Commands",
                                "        afterCommit(command, data, length);\n        return true;",
                                "        if (loads) {\n"
                                        + "            keys.load(packet, Tlv.value(packet, data,"
                                        + " length, Tlv.KEYS),\n"
                                        + "                packet, Tlv.value(packet, data, length,"
                                        + " Tlv.KEY_OCTETS));\n"
                                        + "        }\n"
                                        + "        return true;")
                        .with(
                                "KeyRing",
                                "        short free = free();\n        olderHeard = 0;",
                                "        short free = newer;");
        isFound(mutant, "re-key", "");
    }

    @Test
    void anAppletThatUnblocksBeforeItsCommitIsFound() {
        Mutant mutant =
                new Mutant()
                        .with(
                                "Commands",
                                "        if (pin != Tlv.ABSENT) {\n",
                                "        if (pin == Tlv.ABSENT) {\n"
                                        + "            pins.unblock();\n"
                                        + "        } else {\n")
                        .with(
                                "Commands",
                                "            pins.unblock();\n        }\n",
                                "        }\n");
        isFound(mutant, "unblock", "twice");
    }

    @Test
    void anAppletThatChangesATextOctetByOctetIsFound() {
        Mutant mutant =
                new Mutant()
                        .with(
                                "Texts",
                                "        Util.arrayCopy(coded,",
                                "        Util.arrayCopyNonAtomic(coded,");
        isFound(mutant, "change a text", "");
    }

    private static void isFound(Mutant mutant, String operation, String complaint) {
        Operations operations = new Operations(mutant.loader());
        AssertionError found =
                assertThrows(
                        AssertionError.class,
                        () -> OPERATIONS.get(operation).applyAsInt(operations));
        assertTrue(found.getMessage().contains(complaint), found.getMessage());
        System.out.println("mutant found: " + found.getMessage().lines().findFirst().orElseThrow());
    }
}
