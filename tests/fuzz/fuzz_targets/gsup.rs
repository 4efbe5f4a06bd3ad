//! No stream of octets from an HLR makes the conversation, its messages or their components panic.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use svgate::domain::Millis;
use svgate::gsup::component::Component;
use svgate::gsup::conversation::{Conversation, Event};
use svgate::gsup::sessions::{Caller, Sessions, Terms};

fuzz_target!(|stream: &[u8]| {
    let now = Millis(1_000_000);
    let mut conversation = Conversation::new("EUSE-fuzz".to_owned(), 10_000, now);
    let terms = Terms {
        answer_within_ms: 60_000,
        session_ms: 180_000,
        sessions_max: 4,
        late: "late".to_owned(),
        stranger: "stranger".to_owned(),
        busy: "busy".to_owned(),
    };
    let mut sessions: Sessions<()> = Sessions::new(terms, 0);
    let caller = "491701234567".parse().map_or(Caller::Stranger, Caller::Known);
    conversation.receive(&mut BytesMut::from(stream), now);
    while let Some(event) = conversation.poll_event() {
        if let Event::Message(message) = event {
            let read = Component::decode(&message.component);
            let _ = read.map(|component| component.encode());
            sessions.receive(message, caller, now);
        }
        while let Some(message) = sessions.poll_transmit() {
            conversation.send(&message);
        }
    }
    let _ = conversation.poll_transmit();
});
