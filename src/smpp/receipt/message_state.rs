//! What became of a message: SMPP 3.4 §5.2.28, 5.0 §4.7.15, and the words of appendix B.

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names of the specification")]
pub enum MessageState {
    Scheduled,
    Enroute,
    Delivered,
    Expired,
    Deleted,
    Undeliverable,
    Accepted,
    Unknown,
    Rejected,
    Skipped,
}

impl MessageState {
    /// The state with this number.
    #[must_use]
    pub fn by_number(number: u8) -> Option<Self> {
        STATES.get(usize::from(number)).map(|(state, _)| *state)
    }

    /// The state by the word of a receipt, of which only the beginning is the same everywhere:
    /// `DELIVRD`, `Delivered`; or by its number.
    #[must_use]
    pub fn by_name(word: &str) -> Option<Self> {
        if let Ok(number) = word.parse() {
            return Self::by_number(number);
        }
        let word = word.to_ascii_uppercase();
        STATES
            .iter()
            .find(|(_, start)| word.starts_with(start))
            .map(|(state, _)| *state)
    }

    /// Whether the message arrived; `None` while that is open. `ACCEPTD` is open: some centres mean
    /// "read by an operator", most mean "taken from you".
    #[must_use]
    pub const fn delivered(self) -> Option<bool> {
        match self {
            Self::Delivered => Some(true),
            Self::Expired
            | Self::Deleted
            | Self::Undeliverable
            | Self::Rejected
            | Self::Skipped => Some(false),
            Self::Scheduled | Self::Enroute | Self::Accepted | Self::Unknown => None,
        }
    }
}

/// By number, each with how its words begin.
const STATES: [(MessageState, &str); 10] = [
    (MessageState::Scheduled, "SCHED"),
    (MessageState::Enroute, "ENROUTE"),
    (MessageState::Delivered, "DELIV"),
    (MessageState::Expired, "EXPIR"),
    (MessageState::Deleted, "DELET"),
    (MessageState::Undeliverable, "UNDEL"),
    (MessageState::Accepted, "ACCEP"),
    (MessageState::Unknown, "UNKNOWN"),
    (MessageState::Rejected, "REJEC"),
    (MessageState::Skipped, "SKIP"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_its_number_of_the_specification() {
        assert_eq!(MessageState::by_number(2), Some(MessageState::Delivered));
        assert_eq!(MessageState::by_number(8), Some(MessageState::Rejected));
        assert_eq!(MessageState::by_number(10), None);
    }

    #[test]
    fn words_are_read_by_their_beginning_or_their_number() {
        for (word, state) in [
            ("DELIVRD", MessageState::Delivered),
            ("delivered", MessageState::Delivered),
            ("UNDELIV", MessageState::Undeliverable),
            ("UNDELIVERABLE", MessageState::Undeliverable),
            ("ACCEPTD", MessageState::Accepted),
            ("REJECTD", MessageState::Rejected),
            ("DELETED", MessageState::Deleted),
            ("ENROUTE", MessageState::Enroute),
            ("5", MessageState::Undeliverable),
        ] {
            assert_eq!(MessageState::by_name(word), Some(state), "{word}");
        }
        assert_eq!(MessageState::by_name("PARKED"), None);
        assert_eq!(MessageState::by_name(""), None);
    }

    #[test]
    fn only_a_last_state_settles_a_message() {
        let settled = |number| MessageState::by_number(number).and_then(MessageState::delivered);
        let open: Vec<u8> = (0..10)
            .filter(|number| settled(*number).is_none())
            .collect();
        assert_eq!(open, [0, 1, 6, 7]);
        assert_eq!(settled(2), Some(true));
        assert_eq!(settled(3), Some(false));
    }
}
