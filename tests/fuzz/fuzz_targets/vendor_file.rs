//! No octets make the reader of vendors' files of keys panic, nor give it a key that nobody sealed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use svgate::auth::key_wrap::{Sealing, TransportKey};
use svgate::auth::vendor_file::{FileMacKey, Layout, Opener};

fuzz_target!(|octets: &[u8]| {
    let _ = FileMacKey::new(&[2; 32]).begin().is_told_by(octets);
    let mut reader = csv::ReaderBuilder::new().flexible(true).quoting(false).from_reader(octets);
    let Ok(Ok(layout)) = reader.headers().map(Layout::of) else {
        return;
    };
    let openers = [Sealing::Gcm, Sealing::Kwp].map(|sealing| Opener {
        transport: TransportKey::new(&[1; 32]),
        sealing,
    });
    for record in reader.records().map_while(Result::ok) {
        for opener in &openers {
            assert!(opener.open(&record, &layout, &mut |_, _| ()).is_none());
        }
    }
});
