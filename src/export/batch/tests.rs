use proptest::prelude::*;

use super::*;
use crate::domain::Millis;
use crate::export::csv::tests::any_row;

fn file_of(rows: &[Row]) -> Vec<u8> {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let when = |at| When::in_zone(Millis(at), &zone).unwrap();
    let mut assembly = Assembly::new(Header {
        operator: "op".parse().unwrap(),
        node: 3,
        sequence: 2,
        live: true,
        opened: Some(when(1_772_300_000_000)),
        closed: when(1_772_386_400_000),
        from_entry: 1,
        to_entry: i64::try_from(rows.len()).unwrap(),
    });
    let mut octets = assembly.head().to_vec();
    for row in rows {
        octets.extend_from_slice(assembly.row(row).unwrap());
    }
    octets.extend_from_slice(assembly.tail(&[7; 32]).unwrap());
    let whole: Sha = Sha256::digest(&octets).into();
    assert_eq!(assembly.finish().0, whole);
    octets
}

fn numbered(rows: Vec<Row>) -> Vec<Row> {
    let number = |(number, mut row): (i64, Row)| {
        row.billed.number = number;
        row
    };
    (1..).zip(rows).map(number).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_file_reads_back_as_its_rows_and_every_flipped_bit_is_found(
        rows in proptest::collection::vec(any_row(), 0..5),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let rows = numbered(rows);
        let mut octets = file_of(&rows);
        let mut read = Vec::new();
        let file = read_file(&octets[..], |row| read.push(row.clone())).unwrap();
        prop_assert_eq!(&read, &rows);
        prop_assert_eq!(file.before, [7; 32]);
        prop_assert_eq!(file.sha256, Sha::from(Sha256::digest(&octets)));

        let at = at.index(octets.len());
        octets[at] ^= 1 << bit;
        let again = read_file(&octets[..], |_| {});
        // The hash of the file before is all that a file can't know by itself: the chain does.
        let differs = again.map_or(true, |again| again.before != [7; 32]);
        prop_assert!(differs, "octet {at}");
    }

    #[test]
    fn a_file_cut_short_anywhere_or_with_more_behind_it_is_refused(
        rows in proptest::collection::vec(any_row(), 0..3),
        at in any::<prop::sample::Index>(),
    ) {
        let mut octets = file_of(&numbered(rows));
        let cut = at.index(octets.len());
        let short = read_file(&octets[..cut], |_| {}).is_err();
        prop_assert!(short);
        octets.push(b'\n');
        let long = read_file(&octets[..], |_| {}).is_err();
        prop_assert!(long);
    }

    #[test]
    fn no_octets_make_the_reader_panic(octets in any::<Vec<u8>>()) {
        let _read = read_file(&octets[..], |_| {});
    }
}

#[test]
fn an_empty_period_has_a_file_with_header_and_trailer() {
    let text = String::from_utf8(file_of(&[])).unwrap();
    let first: Vec<char> = text
        .lines()
        .filter_map(|line| line.chars().next())
        .collect();
    assert_eq!(first, ['H', 'T']);
    assert!(
        text.starts_with("H;svgate-demand-1;op;demand;3;2;live;2026-02-28T18:33:20.000+01:00;")
    );
}

#[test]
fn entries_out_of_order_or_missing_make_no_file() {
    let mut assembly = Assembly::new(Header {
        operator: "op".parse().unwrap(),
        node: 0,
        sequence: 1,
        live: false,
        opened: None,
        closed: When::in_zone(Millis(0), &jiff::tz::TimeZone::UTC).unwrap(),
        from_entry: 5,
        to_entry: 6,
    });
    let row = Row::read(
        "D;6;charge;9;;A-1;;m1;12;1;EUR;2;260;218;42;vat19;200;8;10;20260301;\
         2026-03-01T10:03:00.000+01:00;3;text;0;0",
    );
    assert_eq!(
        assembly.row(&row.unwrap()).err(),
        Some(BadRow("entry number"))
    );
    assert_eq!(
        assembly.tail(&[0; 32]).err(),
        Some(BadRow("number of entries"))
    );
}
