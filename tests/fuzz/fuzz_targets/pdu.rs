//! No stream of octets makes the SMPP codec or the reader of receipts panic.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use svgate::smpp::{
    pdu::{Body, answer_for, decode, encode, split_frame},
    receipt::Receipt,
};

fuzz_target!(|stream: &[u8]| {
    let mut buffer = BytesMut::from(stream);
    while let Ok(Some(frame)) = split_frame(&mut buffer) {
        let written = match decode(&frame) {
            Ok(pdu) => {
                if let Body::DeliverSm(message) = &pdu.body {
                    let _ = Receipt::read(message);
                }
                Some(pdu)
            }
            Err(error) => answer_for(&error),
        };
        let _ = written.map(|pdu| encode(&pdu, &mut BytesMut::new()));
    }
});
