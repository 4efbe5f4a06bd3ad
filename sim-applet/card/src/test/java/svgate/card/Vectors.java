package svgate.card;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;

/** The vectors that the gateway's tests read as well. */
final class Vectors {
    private Vectors() {}

    static JsonObject file(String name) {
        try {
            Path path = Path.of(System.getProperty("vectors"), name);
            return JsonParser.parseString(Files.readString(path)).getAsJsonObject();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    static List<JsonObject> list(JsonObject file, String member) {
        return file.getAsJsonArray(member).asList().stream()
                .map(JsonElement::getAsJsonObject)
                .toList();
    }

    static byte[] hex(JsonObject vector, String member) {
        return hex(vector.get(member).getAsString());
    }

    static byte[] hex(String digits) {
        return HexFormat.of().parseHex(digits);
    }

    static String hex(byte[] octets) {
        return HexFormat.of().formatHex(octets);
    }
}
