//! The codecs against published vectors, other people's codecs, and their own properties.

mod auth;
mod dialogue;
mod session;
mod smpp;
mod sms;
mod sv;
mod ussd;
