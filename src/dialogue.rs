//! What subscribers and gateway say to each other: orders in plain text, replies in the
//! subscriber's language, and the order inside a secured packet.
//!
//! ```text
//! plain text      ──words, sms_command──►  Command        Reply        ──texts──►  one message
//! secured packet  ──secured_order───────►  SecuredOrder   SecuredReply ─────────►  ≤ 98 octets
//!                                                         CardCommand ──────────►  ≤ 98 octets
//! ```
//! Everything here is pure: texts are handed in as strings, times as hours and minutes.

pub mod card_command;
pub mod personalisation;
pub mod reply;
pub mod secured_order;
pub mod secured_reply;
pub mod sms_command;
pub mod texts;
pub mod ussd_menu;
pub mod words;
