//! SMPP 3.4, with 5.0 tolerated: how the gateway speaks with message centres.

pub mod bind;
pub mod link;
pub mod pdu;
pub mod receipt;
pub mod session;
pub mod ussd;
