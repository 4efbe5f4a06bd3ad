//! Broken PDUs, made from a seed: each with a true `command_length` and something wrong behind it,
//! so that a reader that cuts frames by length stays aligned. Octets only; no codec is used here.

/// One broken PDU, or one that is merely odd.
pub(crate) struct Malformed {
    /// What is wrong with it.
    pub(crate) what: String,
    /// The whole PDU, its `command_length` true.
    pub(crate) octets: Vec<u8>,
}

/// More than 500 of them, the same for the same seed: the field's own faults, then sound PDUs of
/// every kind, each whole and with mutations; requests and responses, binds and unbinds too.
pub(crate) fn corpus(seed: u64) -> Vec<Malformed> {
    let mut dice = Dice(seed);
    let mut made: Vec<Malformed> = field_faults();
    for (name, id, body) in sound_bodies() {
        made.push(Malformed {
            what: format!("{name}, whole"),
            octets: pdu(id, 1, &body),
        });
        for round in 0..MUTATIONS_OF_EACH {
            let (how, body) = mutate(&body, round, &mut dice);
            let sequence = u32::try_from(dice.below(0x7FFF_FFFF)).unwrap();
            made.push(Malformed {
                what: format!("{name}, {how}"),
                octets: pdu(id, sequence, &body),
            });
        }
    }
    made
}

/// The numbers of one seed: xorshift64* (Vigna 2016), good enough to break things with.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.max(1);
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() >> 33).unwrap() % bound.max(1)
    }

    fn octet(&mut self) -> u8 {
        self.roll().to_be_bytes()[0]
    }
}

fn mutate(body: &[u8], round: usize, dice: &mut Dice) -> (String, Vec<u8>) {
    let mut body = body.to_vec();
    let at = dice.below(body.len());
    match round % 8 {
        0 => {
            body.truncate(at);
            (format!("cut off at {at}"), body)
        }
        1 => {
            let pads = 1 + dice.below(9);
            body.resize(body.len() + pads, 0);
            (format!("{pads} NULs behind it"), body)
        }
        2 => {
            let octet = dice.octet();
            body.insert(at, octet);
            (format!("0x{octet:02X} put in at {at}"), body)
        }
        3 if !body.is_empty() => {
            body.remove(at);
            (format!("octet {at} left out"), body)
        }
        4 if !body.is_empty() => {
            body[at] = dice.octet();
            (format!("octet {at} another"), body)
        }
        5 => {
            body.extend([
                dice.octet(),
                dice.octet(),
                dice.octet(),
                dice.octet(),
                dice.octet(),
            ]);
            ("a stray TLV behind it".into(), body)
        }
        6 => {
            for octet in &mut body {
                if *octet == 0 && dice.below(3) == 0 {
                    *octet = 0xFF;
                }
            }
            ("NULs made 0xFF".into(), body)
        }
        _ => {
            let octets = dice.below(300);
            (
                "noise for a body".into(),
                (0..octets).map(|_| dice.octet()).collect(),
            )
        }
    }
}

/// What was seen in the field, and near kin of it.
fn field_faults() -> Vec<Malformed> {
    let delivered = DELIVER_FAULTS.iter().map(|(what, tail)| {
        let body = [DELIVER_HEAD, tail].concat();
        (*what, 5, body)
    });
    let made = [
        (
            "300 empty TLVs",
            5,
            [DELIVER_HEAD, &[0], &[0x14, 0, 0, 0].repeat(300)].concat(),
        ),
        (
            "a service type of 60 octets",
            5,
            [&[b'U'; 60], DELIVER_HEAD, &[0]].concat(),
        ),
    ];
    let others = OTHER_FAULTS
        .iter()
        .map(|(what, id, body)| (*what, *id, body.to_vec()));
    delivered
        .chain(made)
        .chain(others)
        .zip(1..)
        .map(|((what, id, body), sequence)| Malformed {
            what: what.into(),
            octets: pdu(id, sequence, &body),
        })
        .collect()
}

/// One of each kind, and of messages those with parameters.
fn sound_bodies() -> Vec<(&'static str, u32, Vec<u8>)> {
    let ussd = [
        DELIVER_HEAD,
        &[5],
        b"*123#",
        &[5, 1, 0, 1, 1, 0x13, 0x83, 0, 2, 1, 2],
    ]
    .concat();
    let segmented = [2, 0x0C, 0, 2, 0, 9, 2, 0x0E, 0, 1, 2, 2, 0x0F, 0, 1, 1];
    let part = [DELIVER_HEAD, &[3], b"BUY", &segmented].concat();
    let made = [
        ("deliver_sm", 5, ussd.clone()),
        ("part", 5, part),
        ("submit_sm", 4, ussd),
    ];
    let others = SOUND
        .iter()
        .map(|(name, id, body)| (*name, *id, body.to_vec()));
    made.into_iter().chain(others).collect()
}

fn pdu(id: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + body.len()).unwrap();
    let header = [length, id, 0, sequence].map(u32::to_be_bytes).concat();
    [header, body.to_vec()].concat()
}

const MUTATIONS_OF_EACH: usize = 24;

/// From `service_type` to `sm_default_msg_id`.
const DELIVER_HEAD: &[u8] = b"\0\x01\x01491701234567\0\0\x014711\0\0\0\0\0\0\0\0\0\0";

/// What follows [`DELIVER_HEAD`].
const DELIVER_FAULTS: &[(&str, &[u8])] = &[
    ("ussd_service_op of two octets", &[0, 5, 1, 0, 2, 0, 1]),
    ("its_session_info of one octet", &[0, 0x13, 0x83, 0, 1, 7]),
    (
        "its_session_info of four octets",
        &[0, 0x13, 0x83, 0, 4, 0, 0, 1, 2],
    ),
    ("one NUL behind the body", &[0, 0]),
    ("a TLV that is cut off", &[0, 2, 4, 0, 2, 1]),
    ("message_payload that is cut off", &[0, 4, 0x24, 0, 9, b'B']),
    ("a TLV of length 65535", &[0, 0x14, 0x11, 0xFF, 0xFF]),
    ("TLVs of length 0", &[0, 5, 1, 0, 0, 4, 0x24, 0, 0]),
    ("sm_length beyond the end", &[200, b'B', b'U', b'Y']),
    ("no sm_length", &[]),
];

const OTHER_FAULTS: &[(&str, u32, &[u8])] = &[
    ("enquire_link with four stray octets", 0x15, &[0, 0, 0, 16]),
    (
        "a sender in Latin-1",
        5,
        b"\0\x05\0Caf\xE9\0\x01\x01\0\0\0\0\0\0\0\0\0\0\0",
    ),
    ("a deliver_sm without a body", 5, b""),
    (
        "a submit_multi of 255 and no destination",
        0x21,
        b"\0\x01\x01491\0\xFF",
    ),
    (
        "a destination that is neither",
        0x21,
        b"\0\x01\x01491\0\x01\x07491\0",
    ),
    ("deliver_sm_resp without its NUL", 0x8000_0005, b""),
    ("submit_sm_resp without a NUL", 0x8000_0004, b"1234"),
    (
        "submit_multi_resp cut off",
        0x8000_0021,
        b"id\0\x02\x01\x01491\0",
    ),
    ("a bind without interface_version", 9, b"me\0pw\0\0"),
    ("a vendor's request", 0x0001_0200, b"whatever"),
    ("a vendor's response", 0x8001_0200, b"whatever"),
    ("command 0", 0, b""),
    ("broadcast_sm", 0x111, &[0; 30]),
    ("generic_nack with a body", 0x8000_0000, &[1, 2, 3]),
];

const SOUND: &[(&str, u32, &[u8])] = &[
    (
        "data_sm",
        0x103,
        b"\0\x01\x01491701234567\0\0\x014711\0\0\0\0\x04\x24\0\x03BUY",
    ),
    (
        "submit_multi",
        0x21,
        b"\0\x01\x014711\0\x02\x01\x01\x01491701234567\0\x02list\0\0\0\0\0\0\0\0\0\0\x02hi",
    ),
    (
        "submit_multi_resp",
        0x8000_0021,
        b"id\0\x01\x01\x01491\0\0\0\0\x0B",
    ),
    ("submit_sm_resp", 0x8000_0004, b"0123456789\0"),
    ("deliver_sm_resp", 0x8000_0005, b"\0"),
    ("data_sm_resp", 0x8000_0103, b"id\0\x04\x25\0\x01\x02"),
    ("query_sm", 3, b"id\0\x01\x01491701234567\0"),
    (
        "query_sm_resp",
        0x8000_0003,
        b"id\x00260131120100000+\0\x02\0",
    ),
    (
        "cancel_sm",
        8,
        b"\0id\0\x01\x014711\0\x01\x01491701234567\0",
    ),
    ("cancel_sm_resp", 0x8000_0008, b""),
    ("replace_sm", 7, b"id\0\x01\x014711\0\0\0\0\0\x02hi"),
    ("replace_sm_resp", 0x8000_0007, b""),
    (
        "alert_notification",
        0x102,
        b"\x01\x01491701234567\0\0\x014711\0",
    ),
    ("outbind", 0x0B, b"centre\0secret\0"),
    ("bind_receiver", 1, BIND),
    ("bind_transmitter", 2, BIND),
    ("bind_transceiver", 9, BIND),
    ("bind_receiver_resp", 0x8000_0001, BOUND),
    ("bind_transmitter_resp", 0x8000_0002, BOUND),
    ("bind_transceiver_resp", 0x8000_0009, BOUND),
    ("enquire_link", 0x15, b""),
    ("enquire_link_resp", 0x8000_0015, b""),
    ("unbind", 6, b""),
    ("unbind_resp", 0x8000_0006, b""),
    ("generic_nack", 0x8000_0000, b""),
];

const BIND: &[u8] = b"gateway\0secret\0\0\x34\0\0\0";
const BOUND: &[u8] = b"centre\0\x02\x10\0\x01\x34";
