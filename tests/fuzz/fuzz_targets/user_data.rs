//! No user data under any coding makes the reader of short messages panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use svgate::sms::coding::DataCoding;
use svgate::sms::{Carriage, Message, SmscAlphabet};

fuzz_target!(|input: &[u8]| {
    let [coding, flags, octets @ ..] = input else { return };
    let smsc = match flags >> 1 & 3 {
        0 => SmscAlphabet::Gsm7Unpacked,
        1 => SmscAlphabet::Gsm7Packed,
        2 => SmscAlphabet::Latin1,
        _ => SmscAlphabet::Ascii,
    };
    for coding in [DataCoding::from_smpp(*coding), DataCoding::from_cbs(*coding)] {
        let carriage = Carriage { coding, smsc, with_header: flags & 1 == 1 };
        if let Ok(message) = Message::read(octets, carriage) {
            let _ = message.text();
            let _ = message.concatenation(None);
        }
    }
});
