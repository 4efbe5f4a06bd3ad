//! How one operator's USSD centre speaks SMPP, as data: `ussd_service_op` 0x0501, `its_session_info`
//! 0x1383 (SMPP 5.0 §4.8.4.64 and §4.8.4.36) and what vendors made of them.
//!
//! ```text
//! deliver_sm ─► what it means (begin, answer, release), which session, the code that was dialled
//! submit_sm  ◄─ continue or end, the session's mark, a coding
//! ```
//! One file of `config/ussd/` for each; a centre that none fits needs a file more, and no code.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;

use crate::smpp::pdu::Tag;

/// One operator's way of carrying USSD over SMPP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// What `ussd_dialect` calls it: the name of its file.
    pub name: Arc<str>,
    /// By what a session is known.
    pub session: SessionRule,
    /// What messages from phones mean.
    pub incoming: Incoming,
    /// What messages to phones carry.
    pub outgoing: Outgoing,
    /// Where the dialled code stands.
    pub code: CodePlace,
    /// The codings of what we send.
    pub text: TextRule,
}

/// By what a session is known besides the phone's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRule {
    /// The TLV with the session's mark; none when only the number tells sessions apart.
    #[serde(default)]
    pub tlv: Option<u16>,
    /// Which of its octets name the session.
    #[serde(default)]
    pub id: IdOctets,
    /// Whether bit 0 of its last octet says that the session ends, both ways.
    #[serde(default)]
    pub last_bit_ends: bool,
    /// Whether bits 7 to 1 of its last octet count what we send, from 0 for each session.
    #[serde(default)]
    pub counts: bool,
    /// Whether each message of a session may have another mark: the last one is sent back.
    #[serde(default)]
    pub changes: bool,
    /// Octets of the mark that we choose for a session that we begin; none where the centre
    /// allots it.
    #[serde(default)]
    pub own_octets: Option<u8>,
}

impl SessionRule {
    /// The TLV with the session's mark.
    #[must_use]
    pub fn tag(&self) -> Option<Tag> {
        self.tlv.map(Tag)
    }

    /// Whether an order sent again can be known by its session: the mark lasts as long as that.
    #[must_use]
    pub const fn is_lasting(&self) -> bool {
        self.tlv.is_some() && !self.changes
    }
}

/// Which octets of the mark name the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdOctets {
    /// All of them.
    #[default]
    Whole,
    /// All but the last bit.
    ButLastBit,
    /// The first: the rest counts messages.
    FirstOctet,
}

/// What `ussd_service_op` means in a message from a phone. An operation of two lists is the one or
/// the other by whether a code was dialled; one of no list ends the session, and the link stays.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incoming {
    /// A code was dialled.
    pub begin: BTreeSet<u8>,
    /// The subscriber answered.
    pub answer: BTreeSet<u8>,
    /// The session is over: the subscriber or the network gave it up.
    #[serde(default)]
    pub release: BTreeSet<u8>,
    /// Something that needs no answer, such as that a notification was shown.
    #[serde(default)]
    pub note: BTreeSet<u8>,
    /// Whether every message of the bind is USSD, though nothing in it says so.
    #[serde(default)]
    pub every_message: bool,
}

/// What a message to a phone carries.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outgoing {
    /// The operation of a text that is to be answered.
    #[serde(rename = "continue")]
    pub goes_on: u8,
    /// The operation of the last text.
    pub end: u8,
    /// The operation of a text that begins a session of ours; none where that can't be.
    #[serde(default)]
    pub ask: Option<u8>,
    /// The operation of the last text of a session of ours; [`Self::end`] where there is none.
    #[serde(default)]
    pub ask_end: Option<u8>,
    /// The operation that gives a session up without a text; [`Self::end`] where there is none.
    #[serde(default)]
    pub release: Option<u8>,
    /// `service_type`, at most 5 octets.
    #[serde(default)]
    pub service_type: String,
}

/// Where the dialled code stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodePlace {
    /// In the text: `*778*4711*12#`.
    #[default]
    Text,
    /// In the destination address; the text has what follows it, if anything.
    Destination,
    /// In the text if that begins with `*`, else in the destination address.
    Either,
}

/// The `data_coding` of what we send: 3GPP TS 23.038 clause 5 unless the centre wants otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextRule {
    /// Of text in the default alphabet.
    pub default_coding: u8,
    /// Of text in UCS2.
    pub ucs2_coding: u8,
}

impl Default for TextRule {
    fn default() -> Self {
        Self {
            default_coding: 0x0F,
            ucs2_coding: 0x48,
        }
    }
}

impl Dialect {
    /// The dialect that `toml` describes.
    ///
    /// # Errors
    ///
    /// [`DialectError`] with what is wrong and its place.
    pub fn read(name: &str, toml: &str) -> Result<Self, DialectError> {
        let bad = |problem: String| DialectError {
            name: name.to_owned(),
            problem,
        };
        let file: File = toml::from_str(toml).map_err(|error| bad(error.to_string()))?;
        let dialect = Self {
            name: name.into(),
            session: file.session,
            incoming: file.incoming,
            outgoing: file.outgoing,
            code: file.code.stands_in,
            text: file.text,
        };
        match dialect.contradiction() {
            Some(problem) => Err(bad(problem.to_owned())),
            None => Ok(dialect),
        }
    }

    /// The dialects that come with svgate.
    ///
    /// # Errors
    ///
    /// As [`Self::read`]; a test sees that there are none.
    pub fn shipped() -> Result<Vec<Self>, DialectError> {
        let read = |(name, toml)| Self::read(name, toml);
        SHIPPED.into_iter().map(read).collect()
    }

    /// Whether sessions of ours can be begun in it.
    #[must_use]
    pub const fn asks(&self) -> bool {
        self.outgoing.ask.is_some()
    }

    fn contradiction(&self) -> Option<&'static str> {
        let Self {
            session,
            incoming,
            outgoing,
            ..
        } = self;
        let others = incoming.begin.union(&incoming.answer);
        let says_two = others
            .chain(&incoming.release)
            .any(|op| incoming.note.contains(op))
            || incoming
                .begin
                .union(&incoming.answer)
                .any(|op| incoming.release.contains(op));
        let needs_mark = session.last_bit_ends || session.counts || session.id != IdOctets::Whole;
        let marks_own = session.own_octets.is_some_and(|n| (1..=2).contains(&n));
        if incoming.begin.is_empty() {
            Some("incoming.begin: at least one operation must begin a session")
        } else if says_two {
            Some("incoming: what releases or notes can mean nothing else besides")
        } else if session.tlv.is_none() && (needs_mark || session.changes) {
            Some("session.tlv is missing, which id, last_bit_ends, counts and changes speak of")
        } else if session.counts && session.id != IdOctets::FirstOctet {
            Some("session.counts: only the octet after the first can count: id = \"first_octet\"")
        } else if outgoing.goes_on == outgoing.end && !session.last_bit_ends {
            Some("outgoing: nothing tells a last text from one that is to be answered")
        } else if outgoing.ask.is_some() && !(marks_own && session.is_lasting()) {
            Some(
                "outgoing.ask: session.tlv and session.own_octets (1 or 2) must be there, and no \
                 session.changes: else nothing tells the answer from that of another session",
            )
        } else if outgoing.service_type.len() > 5 || !outgoing.service_type.is_ascii() {
            Some("outgoing.service_type: at most 5 octets of ASCII")
        } else {
            None
        }
    }
}

/// A dialect's file that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the USSD dialect {name} can't be used: {problem}")]
pub struct DialectError {
    name: String,
    problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    session: SessionRule,
    incoming: Incoming,
    outgoing: Outgoing,
    #[serde(default)]
    code: Code,
    #[serde(default)]
    text: TextRule,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    stands_in: CodePlace,
}

const SHIPPED: [(&str, &str); 8] = [
    ("spec", include_str!("../../../config/ussd/spec.toml")),
    ("tata", include_str!("../../../config/ussd/tata.toml")),
    ("6d", include_str!("../../../config/ussd/6d.toml")),
    ("mica", include_str!("../../../config/ussd/mica.toml")),
    ("op32", include_str!("../../../config/ussd/op32.toml")),
    ("huawei", include_str!("../../../config/ussd/huawei.toml")),
    ("bare", include_str!("../../../config/ussd/bare.toml")),
    (
        "comverse",
        include_str!("../../../config/ussd/comverse.toml"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_dialect_is_read() {
        let dialects = Dialect::shipped().unwrap();
        let names: Vec<&str> = dialects.iter().map(|d| &*d.name).collect();
        assert_eq!(
            names,
            [
                "spec", "tata", "6d", "mica", "op32", "huawei", "bare", "comverse"
            ]
        );
    }

    #[test]
    fn what_contradicts_itself_is_refused_by_name() {
        let spec = SHIPPED[0].1;
        for (from, to, problem) in [
            ("begin = [1]", "begin = []", "at least one operation"),
            ("answer = [18]", "answer = [18, 19]", "nothing else besides"),
            ("tlv = 0x1383", "", "session.tlv is missing"),
            ("id = \"first_octet\"", "", "only the octet after"),
            ("end = 17", "end = 2\nservice_typ = \"X\"", "unknown field"),
            ("\"USSD\"", "\"USSD-1\"", "at most 5 octets"),
            ("own_octets = 2", "own_octets = 3", "outgoing.ask"),
            (
                "own_octets = 2",
                "own_octets = 2\nchanges = true",
                "outgoing.ask",
            ),
        ] {
            let changed = spec.replacen(from, to, 1);
            assert_ne!(changed, spec, "{from}");
            let refused = Dialect::read("mine", &changed).unwrap_err().to_string();
            assert!(
                refused.contains(problem) && refused.contains("mine"),
                "{refused}"
            );
        }
        let endless = SHIPPED[5].1.replacen("end = 17", "end = 2", 1);
        let refused = Dialect::read("mine", &endless).unwrap_err().to_string();
        assert!(refused.contains("tells a last text"), "{refused}");
    }
}
