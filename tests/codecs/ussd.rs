//! What 5,000 open USSD sessions weigh, each with a page of a shop on its display.

use std::sync::Arc;

use svgate::dialogue::reply::{ListedItem, Name, Price};
use svgate::dialogue::texts::{Language, Texts};
use svgate::dialogue::ussd_menu::{Dialogue, Found, Guide, Menu, Shop, Step};
use svgate::domain::Millis;
use svgate::domain::msisdn::Msisdn;
use svgate::smpp::pdu::{Address, ShortMessage, Tag};
use svgate::smpp::ussd::{Dialect, Sessions, Terms};
use svgate::sms::SmscAlphabet;
use svgate::ussd::{Event, Received, Reply};

const SESSIONS: i64 = 5_000;
const BEGAN: Millis = Millis(1_000_000);

fn shop() -> Found {
    let currency = "EUR".parse().unwrap();
    let items = (0..20_i64).map(|n| ListedItem {
        item: n.to_string().parse().unwrap(),
        name: Name::new(&format!("Sandwich with cheese {n}")),
        price: Price {
            amount: (250 + n).try_into().unwrap(),
            currency,
        },
    });
    Found::Shop(Shop {
        short_code: 4711.try_into().unwrap(),
        merchant: Name::new("Coffee & Co"),
        currency,
        items: items.collect(),
    })
}

fn dialled(number: i64) -> ShortMessage {
    let mut message = ShortMessage {
        source: Address::international((491_700_000_000 + number).to_string()),
        destination: Address::international("778"),
        data_coding: 0x0F,
        short_message: bytes::Bytes::from_static(b"*778*4711#").into(),
        ..ShortMessage::default()
    };
    message.tlvs.push(Tag::USSD_SERVICE_OP, vec![1]);
    message.tlvs.push(Tag::ITS_SESSION_INFO, vec![1, 0]);
    message
}

/// Memory of this process that is no file's, in octets.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kilobytes.parse::<u64>().unwrap() * 1024
}

#[test]
fn five_thousand_sessions_weigh_less_than_ten_megabytes() {
    let spec = Dialect::shipped().unwrap().remove(0);
    let terms = Terms {
        alphabet: SmscAlphabet::Gsm7Unpacked,
        answer_within_ms: 60_000,
        session_ms: 180_000,
        sessions_max: 5_000,
        late: "late".to_owned(),
    };
    let mut sessions: Sessions<Dialogue> = Sessions::new(Arc::new(spec), terms);
    let menu = Menu::shipped(Language::EN).unwrap();
    let texts = Texts::shipped(|_| true).unwrap();
    let guide = Guide {
        menu: &menu,
        texts: &texts,
        form: SmscAlphabet::Gsm7Unpacked.into(),
        service: "*778#",
    };
    let shop = shop();
    let before = resident();
    for number in 0..SESSIONS {
        let phone: Msisdn = (491_700_000_000 + number).try_into().unwrap();
        let received = sessions.receive(phone, &dialled(number), BEGAN);
        assert_eq!(received, Received::Taken);
        let Some(Event::Dialled { session, code, .. }) = sessions.poll_event() else {
            panic!("not dialled")
        };
        let dialogue = sessions.state_mut(session).unwrap();
        dialogue.dialled(&code, &guide);
        let Step::Show(page) = dialogue.found(shop.clone(), &guide) else {
            panic!("no page")
        };
        assert!(page.ends_with("0 More"), "{page}");
        sessions.reply(session, Reply::GoesOn(page), BEGAN).unwrap();
        assert!(sessions.poll_transmit().is_some());
    }
    assert_eq!(sessions.len(), 5_000);
    let megabytes = resident().saturating_sub(before) / 1_000_000;
    println!("5,000 sessions: {megabytes} MB");
    assert!(megabytes < 10, "{megabytes} MB");
    let newcomer = sessions.receive(1_234_567.try_into().unwrap(), &dialled(1), BEGAN);
    assert_eq!(newcomer, Received::Full);
    sessions.tick(BEGAN.plus_ms(60_000));
    assert!(sessions.is_empty(), "time-outs are applied to all of them");
}
