//! A file that was altered, removed, renamed or made anew is named.

use std::fs;

use svgate::export::Profile;
use svgate::export::verify::{Expected, verify};
use svgate::gateway::audit::report::Source;

use super::{Office, names, profile};

#[tokio::test]
async fn every_flipped_bit_of_a_file_is_named_with_the_file() {
    let office = Office::with_files().await;
    let path = office.path(3);
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut octets = whole.clone();
        octets[at] ^= 1;
        fs::write(&path, octets).unwrap();
        let faults = office.faults().await;
        let name = "op_demand_1_00000003.csv";
        assert!(
            faults.iter().any(|fault| fault.file == name),
            "octet {at}: {faults:?}"
        );
    }
    let report = office.reconciled().await;
    assert!(names(&report, Source::File), "{report}");
    fs::write(&path, whole).unwrap();
    assert_eq!(office.faults().await, []);
}

#[tokio::test]
async fn a_missing_file_a_swapped_pair_and_a_shortened_chain_are_named() {
    let office = Office::with_files().await;
    let said = |faults: &[svgate::export::verify::Fault], file: &str, reason: &str| {
        let found = faults
            .iter()
            .any(|f| f.file.contains(file) && f.reason.contains(reason));
        assert!(found, "{file} {reason}: {faults:?}");
    };
    let away = office.folder.path().join("away");
    for sequence in [1, 2, 3] {
        fs::rename(office.path(sequence), &away).unwrap();
        let faults = office.faults().await;
        said(&faults, &format!("{sequence:08}"), "is missing");
        fs::rename(&away, office.path(sequence)).unwrap();
    }
    fs::rename(office.path(1), &away).unwrap();
    fs::rename(office.path(2), office.path(1)).unwrap();
    fs::rename(&away, office.path(2)).unwrap();
    let faults = office.faults().await;
    said(
        &faults,
        "00000001.csv",
        "its first line is that of op_demand_1_00000002.csv",
    );
    said(
        &faults,
        "00000002.csv",
        "its first line is that of op_demand_1_00000001.csv",
    );
    fs::rename(office.path(1), &away).unwrap();
    fs::rename(office.path(2), office.path(1)).unwrap();
    fs::rename(&away, office.path(2)).unwrap();

    // The last file with all that is beside it: only the head outside the folder knows of it.
    for suffix in ["", ".sha256", ".done"] {
        fs::remove_file(format!("{}{suffix}", office.path(3).display())).unwrap();
    }
    office.desk.alter(|r| r.batches.truncate(2));
    said(&office.faults().await, "00000003.csv", "is missing");
    fs::remove_file(office.places().head_file).unwrap();
    said(&office.faults().await, "head", "no head");
}

#[tokio::test]
async fn a_file_made_anew_breaks_the_chain_even_without_the_books() {
    let office = Office::with_files().await;
    let forged = Office::with_files_of(&Profile {
        exposes_msisdn: false,
        ..profile()
    })
    .await;
    let faults = || {
        let profile = profile();
        let alone = Expected {
            operator: &profile.operator,
            node: 1,
            batches: None,
        };
        verify(&office.places(), alone, |_| {}).unwrap().faults
    };
    assert_eq!(faults(), []);
    for (replaced, named, reason) in [
        (
            1,
            "op_demand_1_00000002.csv",
            "it does not follow op_demand_1_00000001.csv",
        ),
        (
            3,
            "op_demand_1_00000003.csv",
            "it does not follow op_demand_1_00000002.csv",
        ),
    ] {
        let mut kept = Vec::new();
        for suffix in ["csv", "csv.sha256"] {
            let place = office.path(replaced).with_extension(suffix);
            kept.push((place.clone(), fs::read(&place).unwrap()));
            fs::copy(forged.path(replaced).with_extension(suffix), &place).unwrap();
        }
        let found = faults();
        assert!(
            found[0].file == named && found[0].reason.starts_with(reason),
            "{found:?}"
        );
        for (place, octets) in kept {
            fs::write(place, octets).unwrap();
        }
    }
    // All files made anew, each chained to the one before: only the head knows.
    for sequence in [1, 2, 3] {
        for suffix in ["csv", "csv.sha256"] {
            let place = office.path(sequence).with_extension(suffix);
            fs::copy(forged.path(sequence).with_extension(suffix), place).unwrap();
        }
    }
    let found = faults();
    assert!(
        found.len() == 1 && found[0].reason.contains("another hash"),
        "{found:?}"
    );
}

#[tokio::test]
async fn what_stands_beside_a_file_is_checked_too() {
    let office = Office::with_files().await;
    let beside = |suffix: &str| format!("{}{suffix}", office.path(1).display());
    fs::remove_file(beside(".done")).unwrap();
    fs::write(beside(".sha256"), "00  op_demand_1_00000001.csv\n").unwrap();
    fs::write(office.places().folder.join("op_demand_1_7.csv"), "").unwrap();
    let faults: Vec<String> = office.faults().await.into_iter().map(|f| f.file).collect();
    let name = |suffix: &str| format!("op_demand_1_00000001.csv{suffix}");
    assert_eq!(
        faults,
        [
            "op_demand_1_7.csv".to_owned(),
            name(".sha256"),
            name(".done")
        ]
    );
}
