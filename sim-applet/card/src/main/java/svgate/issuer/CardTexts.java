package svgate.issuer;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** The card's texts in one language, each with its coding octet in front. */
public final class CardTexts {
    /** The texts of a language on the card, by number. */
    public static final int COUNT = 32;

    /** GSM default alphabet, TS 23.038 §6.2.1, by septet; the escape is not to be used. */
    private static final String GSM =
            "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u001bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
                    + "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

    private static final byte CODING_GSM = 0x04;
    private static final byte CODING_UCS2 = 0x08;

    private final List<String> lines;
    private final boolean gsm;

    private CardTexts(List<String> lines) {
        this.lines = lines;
        gsm = lines.stream().allMatch(line -> line.chars().allMatch(c -> GSM.indexOf(c) >= 0));
    }

    /** The texts that come with this card, by language: {@code en de fr ar}. */
    public static CardTexts of(String language) {
        try (InputStream in = CardTexts.class.getResourceAsStream("/texts/" + language + ".txt")) {
            if (in == null) {
                throw new IllegalArgumentException("no texts in " + language);
            }
            String file = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            List<String> lines = file.lines().toList();
            if (lines.size() != COUNT) {
                throw new IllegalArgumentException(language + " has not " + COUNT + " texts");
            }
            return new CardTexts(lines);
        } catch (IOException e) {
            throw new IllegalArgumentException(language, e);
        }
    }

    public String plain(int number) {
        return lines.get(number);
    }

    /** Coding octet, then the text. */
    public byte[] coded(int number) {
        return encode(lines.get(number), gsm);
    }

    /** A text by itself: in the default alphabet when that has all of it. */
    public static byte[] encode(String text) {
        return encode(text, text.chars().allMatch(c -> GSM.indexOf(c) >= 0));
    }

    /** Reads a text of a coding back. */
    public static String decode(int coding, byte[] octets) {
        if (coding == CODING_UCS2) {
            return new String(octets, StandardCharsets.UTF_16BE);
        }
        StringBuilder text = new StringBuilder();
        for (byte octet : octets) {
            text.append(GSM.charAt(octet & 0x7F));
        }
        return text.toString();
    }

    private static byte[] encode(String text, boolean gsm) {
        if (!gsm) {
            return Packets.join(new byte[] {CODING_UCS2}, text.getBytes(StandardCharsets.UTF_16BE));
        }
        byte[] octets = new byte[text.length() + 1];
        octets[0] = CODING_GSM;
        for (int i = 0; i < text.length(); i++) {
            octets[i + 1] = (byte) GSM.indexOf(text.charAt(i));
        }
        return octets;
    }
}
