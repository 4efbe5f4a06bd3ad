//! No card makes a phone panic, whatever it answers and whenever it answers it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use svgate::simulator::handset::equipment::{
    Answer, Carried, Equipment, GeneralResult, Prompt, Wanted,
};
use svgate::simulator::handset::tpdu::Submit;

fuzz_target!(|said: &[u8]| {
    let _ = Submit::parse(said);
    let mut phone = Equipment::new();
    // A length, then a response of so many octets; what does not fit is the user's.
    let mut rest = said;
    while let Some((length, after)) = rest.split_first() {
        let (octets, after) = after.split_at(after.len().min(usize::from(*length)));
        rest = after;
        match phone.wanted() {
            Wanted::Card(_) => {
                let _ = phone.card_said(octets);
            }
            Wanted::User(prompt) => {
                let answer = match prompt {
                    Prompt::Choose(menu) => {
                        Answer::Chosen(menu.items.first().map_or(0, |item| item.identifier))
                    }
                    Prompt::Type(_) => Answer::Typed(String::from_utf8_lossy(octets).into_owned()),
                    Prompt::Read(_) => Answer::Read,
                };
                if phone.user_said(answer).is_err() {
                    let _ = phone.user_said(Answer::Otherwise(GeneralResult::BACK));
                }
            }
            Wanted::Network(_) => phone.network_said(Carried::Answered(format!("{octets:?}"))),
            Wanted::Nothing => {
                let _ = phone.select(*length);
                let _ = phone.download(octets);
            }
            Wanted::Pause => {}
        }
    }
});
