package svgate.card;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import svgate.issuer.Issue;
import svgate.issuer.Packets;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** The card as a reader and a phone see it: APDUs over TCP. */
class VpcdTest {
    private static final int TERMINAL_PROFILE = 0x10;
    private static final int ENVELOPE = 0xC2;

    private final Rig rig = new Rig();
    private VpcdServer server;
    private Thread serving;

    @BeforeEach
    void listen() throws IOException {
        rig.ready();
        server = new VpcdServer(rig.card, InetAddress.getLoopbackAddress(), 0);
        serving =
                new Thread(
                        () -> {
                            try {
                                server.run();
                            } catch (IOException e) {
                                // Closed at the end of the test.
                            }
                        });
        serving.start();
    }

    @AfterEach
    void close() throws IOException, InterruptedException {
        server.close();
        serving.join(5_000);
        assertEquals(List.of(), rig.card.faults());
    }

    @Test
    void aReaderSelectsTheAppletByItsAid() throws IOException {
        try (Reader reader = new Reader(server.port())) {
            reader.control(1);
            assertEquals("3b86800173766761746515", Vectors.hex(reader.answerToReset()));
            assertEquals("6a82", Vectors.hex(reader.transmit(Vectors.hex("00a4040005a000000001"))));
            assertEquals("9000", Vectors.hex(reader.transmit(Issue.select())));
            assertEquals("010100019000", Vectors.hex(reader.transmit(Vectors.hex("80ca000104"))));
            assertEquals("6d00", Vectors.hex(reader.transmit(Vectors.hex("80ff0000"))));
            assertEquals("6985", Vectors.hex(reader.transmit(0xE2, new byte[24])));
        }
    }

    @Test
    void aPhoneBuysByApdusAndShowsTheReceipt() throws IOException {
        try (Reader phone = new Reader(server.port())) {
            phone.control(1);
            assertEquals("9000", phone.session(TERMINAL_PROFILE, Rig.PROFILE, Rig.inTurn()));
            assertEquals(
                    "9000",
                    phone.session(
                            ENVELOPE, Reader.menuSelection(1), Rig.inTurn(Rig.purchase("1234"))));
            assertEquals(1, rig.open(phone.seen.get(7)).counter());
            byte[] packet = Packets.seal(rig.issue.confirmations(), 1, Rig.reply(0, 1, "1 x Tea"));
            byte[] envelope = Reader.smsPp(Rig.smsDeliver(0x70, packet));
            assertEquals("9000", phone.session(ENVELOPE, envelope, Rig.inTurn(Rig.ok())));
            assertEquals("Paid 2.50 EUR\n1 x Tea", phone.seen.get(0).text());
        }
    }

    @Test
    void theMenuIsSetUpAndTheCardIsBusyInASession() throws IOException {
        try (Reader phone = new Reader(server.port())) {
            phone.control(1);
            byte[] status = phone.transmit(TERMINAL_PROFILE, Rig.PROFILE);
            if (status[0] == (byte) 0x91) {
                byte[] menu = phone.transmit(new byte[] {(byte) 0x80, 0x12, 0, 0, status[1]});
                assertEquals(0x25, Proactive.read(Arrays.copyOf(menu, menu.length - 2)).type());
                phone.transmit(0x14, Proactive.result(0));
            }
            assertEquals((byte) 0x91, phone.transmit(ENVELOPE, Reader.menuSelection(1))[0]);
            assertEquals("9300", Vectors.hex(phone.transmit(ENVELOPE, Reader.menuSelection(1))));
            byte[] sms = Reader.smsPp(Rig.smsDeliver(0x70, new byte[40]));
            assertEquals("9300", Vectors.hex(phone.transmit(ENVELOPE, sms)));
            // No result: the applet lets go.
            assertEquals("9000", Vectors.hex(phone.transmit(0x14, new byte[0])));
        }
    }

    @Test
    void junkNeverBreaksTheCard() throws IOException {
        Random random = new Random(1);
        int[] instructions = {0x10, 0x12, 0x14, 0xC2, 0xE2, 0xCA, 0xA4, 0xFF};
        for (int i = 0; i < 20_000; i++) {
            byte[] data = new byte[random.nextInt(60)];
            random.nextBytes(data);
            byte[] envelope = random.nextBoolean() ? Reader.menuSelection(1) : data;
            byte[] body = random.nextBoolean() ? Proactive.result(random.nextInt(64)) : envelope;
            byte cla = (byte) (random.nextInt(4) == 0 ? random.nextInt(256) : 0x80);
            byte ins = (byte) instructions[random.nextInt(instructions.length)];
            byte[] head = {cla, ins, (byte) random.nextInt(6), 0, (byte) body.length};
            byte[] apdu = Packets.join(head, body);
            int cut = random.nextInt(20) == 0 ? random.nextInt(apdu.length) : apdu.length;
            byte[] answer = rig.card.transmit(Arrays.copyOf(apdu, cut));
            assertTrue(answer.length >= 2);
        }
        rig.powerOn();
        rig.menu(Rig.inTurn(Rig.purchase("1234")));
        assertTrue(rig.seen.stream().anyMatch(Proactive::sends));
    }

    @Test
    void aPhoneTornOutOfASessionFindsACardThatWorks() throws IOException {
        for (int commands = 1; commands <= 9; commands++) {
            try (Reader phone = new Reader(server.port())) {
                phone.control(1);
                phone.session(TERMINAL_PROFILE, Rig.PROFILE, Rig.inTurn());
                Rig.Answers answers = Rig.inTurn(Rig.purchase("1234"));
                int most = commands;
                assertThrows(
                        UncheckedIOException.class,
                        () ->
                                phone.session(
                                        ENVELOPE,
                                        Reader.menuSelection(1),
                                        command -> {
                                            if (phone.seen.size() >= most) {
                                                throw new UncheckedIOException(
                                                        new IOException("torn"));
                                            }
                                            return answers.answer(command);
                                        }));
            }
        }
        try (Reader phone = new Reader(server.port())) {
            phone.control(1);
            phone.session(TERMINAL_PROFILE, Rig.PROFILE, Rig.inTurn());
            phone.session(ENVELOPE, Reader.menuSelection(1), Rig.inTurn(Rig.purchase("1234")));
            assertTrue(phone.seen.get(7).sends());
            assertEquals(3, rig.open(phone.seen.get(7)).counter());
        }
    }
}
