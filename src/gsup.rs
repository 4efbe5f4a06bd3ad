//! USSD from a real core network: an external USSD entity (EUSE) at osmo-hlr, by GSUP over IPA.
//!
//! ```text
//! phone ◄─► MSC ◄─GSUP─► osmo-hlr ◄─TCP─► link ◄─► Conversation (IPA: who we are, does it live)
//!                                                     │ Message: IMSI, session, state
//!                                                     └─ Component: invoke, result (TS 24.080)
//! ```
//! All but `link` is sans-IO: no octet from the peer makes it panic, and every length is checked
//! before it is believed. A peer that claims our name at the HLR gets our sessions, for GSUP has no
//! proof of who speaks: it belongs on a protected network.

pub mod component;
pub mod conversation;
pub mod ipa;
pub mod link;
pub mod message;
pub mod sessions;
pub mod text;
