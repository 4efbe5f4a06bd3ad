//! No text makes the reader of orders panic, nor what it read when it is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use svgate::dialogue::sms_command::parse;
use svgate::dialogue::words::Aliases;

fuzz_target!(|text: &str| {
    let aliases = Aliases::default();
    if let Ok(command) = parse(text, &aliases) {
        let _ = parse(&command.to_string(), &aliases);
    }
});
