use proptest::prelude::*;

use super::*;

/// Any row, with text of any kind in the free columns.
pub(in crate::export) fn any_row() -> impl Strategy<Value = Row> {
    let amounts = (1..1_000_000_i64, 0..1_000_i64, 0..2_000_000_i64, 0..90_i64);
    let ids = (1..1_000_i64, any::<i64>(), proptest::option::of(1..99_i64));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), 1..99_u8);
    let text = (any::<String>(), any::<String>());
    let time = (0..4_000_000_000_000_i64, 0..4_usize);
    (amounts, ids, flags, text, time).prop_map(|(amounts, ids, flags, text, time)| {
        let (retail, fee, wholesale, percent) = amounts;
        let minor = |amount: i64| MinorUnits::try_from(amount).unwrap();
        let kind = [EntryKind::Charge, EntryKind::Refund][usize::from(flags.0)];
        let entry = BillingEntry {
            number: ids.0,
            kind,
            purchase: PurchaseId(ids.1),
            original: ids.2,
            subscriber: crate::domain::ids::SubscriberId(1),
            account: text.0.into(),
            msisdn: flags.1.then(|| "491701234567".parse().unwrap()),
            merchant: ["m1", "-m", "a.b_c"][usize::from(flags.3 % 3)]
                .parse()
                .unwrap(),
            item: flags.2.then(|| "12".parse().unwrap()),
            units: flags.3,
            currency: ["EUR", "JPY", "KWD"][usize::from(flags.3 % 3)]
                .parse()
                .unwrap(),
            charge: Charge {
                retail: minor(retail),
                wholesale: minor(wholesale),
                fee: minor(fee),
                tax: minor((retail + fee) * percent / 100),
            },
            tax_code: text.1.into(),
            bill_number: 7,
            at: Millis(time.0),
            business_date: 20_260_301,
            provisional: flags.2,
            channel: [
                Channel::Secured,
                Channel::Text,
                Channel::Kiosk,
                Channel::Ussd,
            ][usize::from(flags.3 % 4)],
        };
        let zone = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"][time.1];
        let zone = TimeZone::get(zone).unwrap();
        Row::of(&entry, Some(Millis(2_000_000_000_000)), &zone, true).unwrap()
    })
}

proptest! {
    #[test]
    fn a_row_reads_back_as_written_whatever_its_text(row in any_row()) {
        let mut line = String::new();
        row.write(&mut line);
        let record = line.strip_suffix('\n').unwrap();
        prop_assert_eq!(Row::read(record), Ok(row));
    }

    #[test]
    fn another_reader_of_rfc_4180_sees_25_cells_and_none_is_a_formula(row in any_row()) {
        let mut line = String::new();
        row.write(&mut line);
        let mut reader = ::csv::ReaderBuilder::new()
            .delimiter(b';')
            .has_headers(false)
            .terminator(::csv::Terminator::Any(b'\n'))
            .from_reader(line.as_bytes());
        let records: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        prop_assert_eq!(records.len(), 1);
        prop_assert_eq!(records[0].len(), CELLS);
        for cell in &records[0] {
            let is_number = cell.parse::<i64>().is_ok();
            let starts = cell.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
            prop_assert!(is_number || !starts, "{}", cell);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _read = Row::read(&text);
    }
}

#[test]
fn formulas_are_guarded_and_quotes_are_doubled() {
    for (text, cell) in [
        ("=1+1", ";'=1+1"),
        ("-m", ";'-m"),
        (" @x", ";' @x"),
        ("'x", ";''x"),
        ("A;1", ";\"A;1\""),
        ("a\"b", ";\"a\"\"b\""),
        ("=a;b", ";\"'=a;b\""),
        ("A-1", ";A-1"),
    ] {
        let mut out = String::new();
        put_text(&mut out, text);
        assert_eq!(out, cell);
    }
}

#[test]
fn the_hour_that_the_clocks_repeat_is_told_apart_by_its_offset() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let summer = When::in_zone(Millis(1_792_888_200_123), &zone).unwrap();
    let winter = When::in_zone(Millis(1_792_891_800_123), &zone).unwrap();
    assert_eq!(summer.to_string(), "2026-10-25T02:30:00.123+02:00");
    assert_eq!(winter.to_string(), "2026-10-25T02:30:00.123+01:00");
    assert_eq!(winter.to_string().parse(), Ok(winter));
    for bad in [
        "2026-10-25T02:30:00.123Z",
        "2026-10-25T02:30:00+01:00",
        "2026-10-25",
        "",
    ] {
        assert_eq!(bad.parse::<When>(), Err(BadRow("event")), "{bad}");
    }
}

#[test]
fn a_row_whose_parts_do_not_add_up_is_refused() {
    let good = "D;1;charge;9;;A-1;491701234567;m1;12;1;EUR;2;260;218;42;vat19;200;8;10;20260301;\
                2026-03-01T10:03:00.000+01:00;3;text;0;0";
    assert!(Row::read(good).is_ok());
    for (from, to) in [
        (";260;", ";261;"),
        (";218;", ";217;"),
        (";42;", ";43;"),
        (";200;", ";201;"),
        (";8;", ";9;"),
        (";10;", ";11;"),
        (";EUR;2;", ";JPY;2;"),
        (";text;0;0", ";text;0;2"),
        (";text;0;0", ";text;0"),
        (";text;0;0", ";text;0;0;"),
    ] {
        assert!(
            Row::read(&good.replacen(from, to, 1)).is_err(),
            "{from} {to}"
        );
    }
}

#[test]
fn the_number_is_left_out_where_the_profile_says_so() {
    let row = "D;1;charge;9;;A-1;;m1;12;1;EUR;2;260;218;42;vat19;200;8;10;20260301;\
               2026-03-01T10:03:00.000+01:00;3;text;0;0";
    assert_eq!(Row::read(row).unwrap().msisdn, None);
}
