//! One dialogue as each centre carries it: `*778#`, a question, `1`, the last text.

use super::Sent;

/// How one centre carries the dialogue `*778#`, question, `1`, last text.
pub(super) struct Script {
    pub(super) dialect: &'static str,
    pub(super) dialled: Sent<'static>,
    pub(super) question: (u8, &'static [u8]),
    pub(super) answered: Sent<'static>,
    pub(super) closing: (u8, &'static [u8]),
    /// What gives the session up, where the centre can say so.
    pub(super) released: Option<Sent<'static>>,
}

pub(super) fn sent(
    to: &'static str,
    text: &'static str,
    op: u8,
    mark: &'static [u8],
) -> Sent<'static> {
    let op = (op != 0).then_some(op);
    Sent { to, text, op, mark }
}

pub(super) fn scripts() -> Vec<Script> {
    vec![
        Script {
            dialect: "spec",
            dialled: sent("778", "*778#", 1, &[0x12, 0x40]),
            question: (2, &[0x12, 0x00]),
            answered: sent("778", "1", 18, &[0x12, 0x42]),
            closing: (17, &[0x12, 0x03]),
            released: Some(sent("778", "", 18, &[0x12, 0x43])),
        },
        Script {
            dialect: "tata",
            dialled: sent("*778#", "*778#", 1, &[0x12, 0x34]),
            question: (2, &[0x12, 0x34]),
            answered: sent("*778#", "1", 2, &[0x12, 0x34]),
            closing: (2, &[0x12, 0x35]),
            released: Some(sent("*778#", "", 17, &[0x12, 0x34])),
        },
        Script {
            dialect: "6d",
            dialled: sent("778", "", 1, &[0x16, 0x2E]),
            question: (2, &[0x16, 0x2E]),
            answered: sent("778", "1", 18, &[0x16, 0x2E]),
            closing: (17, &[0x16, 0x2F]),
            released: Some(sent("778", "", 0x81, &[0x16, 0x2E])),
        },
        Script {
            dialect: "mica",
            dialled: sent("*778#", "", 1, &[0x00, 0x07]),
            question: (2, &[0x00, 0x07]),
            answered: sent("", "1", 18, &[0x00, 0x07]),
            closing: (17, &[0x00, 0x07]),
            released: Some(sent("", "", 0x81, &[0x00, 0x07])),
        },
        Script {
            dialect: "op32",
            dialled: sent("778", "*778#", 1, &[0xAB, 0xCD]),
            question: (2, &[0xAB, 0xCD]),
            answered: sent("778", "1", 18, &[0xAB, 0xCD]),
            closing: (32, &[0xAB, 0xCD]),
            released: Some(sent("778", "", 32, &[0xAB, 0xCD])),
        },
        Script {
            dialect: "huawei",
            dialled: sent("778", "*778#", 0, &[]),
            question: (2, &[]),
            answered: sent("778", "1", 0, &[]),
            closing: (17, &[]),
            released: Some(sent("778", "", 17, &[])),
        },
        Script {
            dialect: "bare",
            dialled: sent("778", "*778#", 1, &[]),
            question: (2, &[]),
            answered: sent("778", "1", 1, &[]),
            closing: (17, &[]),
            released: None,
        },
        Script {
            dialect: "comverse",
            dialled: sent("778", "*778#", 1, &[1, 2, 3, 4]),
            question: (2, &[1, 2, 3, 4]),
            answered: sent("778", "1", 18, &[1, 2, 3, 4]),
            closing: (17, &[1, 2, 3, 4]),
            released: Some(sent("778", "", 17, &[1, 2, 3, 4])),
        },
    ]
}
