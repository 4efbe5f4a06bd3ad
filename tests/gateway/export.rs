//! Billing files and the three-way check, on books that decide as the real ones do.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use svgate::commands::export::{ExportAction, ExportArgs, RunArgs, VerifyArgs};
use svgate::commands::reconcile::{Setting, reconcile};
use svgate::export::verify::{Expected, Fault, verify};
use svgate::export::{ExportError, Places, Profile, batches, resend, run};
use svgate::gateway::audit::report::{Report, Source};
use svgate::gateway::books::Books;
use svgate::gateway::member::{Member, Word};
use tempfile::TempDir;

use desk::{Desk, Rows};

#[path = "export/desk.rs"]
mod desk;
#[path = "export/files.rs"]
mod files;
#[path = "export/tampering.rs"]
mod tampering;

/// A desk with a folder for its files.
struct Office {
    desk: Desk,
    profile: Profile,
    folder: TempDir,
}

impl Office {
    /// Three files: the first with most purchases, the second empty, the third with two; and one
    /// purchase that ended after them.
    async fn with_files() -> Self {
        Self::with_files_of(&profile()).await
    }

    async fn with_files_of(profile: &Profile) -> Self {
        let office = Self {
            profile: profile.clone(),
            desk: Desk::with_purchases().await,
            folder: tempfile::tempdir().unwrap(),
        };
        office.export().await.unwrap();
        office.desk.pass_ms(3_600_000);
        office.export().await.unwrap();
        let whole = [Word::Supplied { units: None }];
        office.desk.buys("BUY 4711 12", &whole).await;
        office.desk.buys("BUY 4711 13", &[Word::Failed]).await;
        office.export().await.unwrap();
        office.desk.buys("BUY 4711 13 x4", &whole).await;
        office
    }

    async fn export(&self) -> Result<Vec<svgate::export::WrittenFile>, ExportError> {
        run(&self.desk, &self.profile, &self.places(), true).await
    }

    fn places(&self) -> Places {
        Places {
            folder: self.folder.path().join("out"),
            head_file: self.folder.path().join("head"),
        }
    }

    fn path(&self, sequence: i64) -> PathBuf {
        self.places()
            .folder
            .join(format!("op_demand_1_{sequence:08}.csv"))
    }

    async fn reconciled(&self) -> Report {
        let (profile, places) = (profile(), self.places());
        let setting = Setting {
            context: &self.desk.context,
            profile: &profile,
            places: &places,
            now: self.desk.now(),
        };
        reconcile(&self.desk, setting, None).await.unwrap()
    }

    async fn faults(&self) -> Vec<Fault> {
        let batches = batches(&self.desk).await.unwrap();
        let profile = profile();
        let expected = Expected {
            operator: &profile.operator,
            node: 1,
            batches: Some(&batches),
        };
        verify(&self.places(), expected, |_| {}).unwrap().faults
    }
}

fn profile() -> Profile {
    Profile {
        operator: "op".parse().unwrap(),
        node: 1,
        live: true,
        exposes_msisdn: true,
        zone: jiff::tz::TimeZone::get("Europe/Berlin").unwrap(),
    }
}

fn octets_in(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into(),
                fs::read(path).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn everything_reconciles_and_says_what_is_open() {
    let office = Office::with_files().await;
    assert_eq!(office.faults().await, []);
    let report = office.reconciled().await;
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.purchases, report.in_flight_count), (13, 0));
    assert_eq!(report.not_yet_exportable_count, 1);
    let sums = report.currencies["EUR"];
    assert_eq!(sums.purse_paid, sums.pos_received);
    let parts = sums.wholesale + sums.margin + sums.fee + sums.tax;
    assert_eq!(sums.billed_gross - sums.refunded, parts);
    assert_eq!(
        sums.purse_paid - sums.wholesale,
        237,
        "one purchase is open"
    );
    assert!(
        report
            .to_string()
            .ends_with("13 paid purchases, 0 in flight, 1 not yet exportable, 0 differences")
    );
}

#[tokio::test]
async fn the_octets_of_a_file_are_those_of_the_golden_one() {
    let office = Office::with_files().await;
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let name = "op_demand_1_00000003.csv";
    let (made, kept) = (
        fs::read(office.path(3)).unwrap(),
        fs::read(golden.join(name)),
    );
    // A change of the layout is a new version: then this writes the new golden file.
    if let Some(folder) = std::env::var_os("GOLDEN_TO") {
        fs::write(Path::new(&folder).join(name), &made).unwrap();
    }
    assert_eq!(
        String::from_utf8(made).unwrap(),
        String::from_utf8(kept.unwrap()).unwrap()
    );
}

#[tokio::test]
async fn a_run_that_died_at_any_step_is_finished_by_the_next_with_the_same_octets() {
    let steps = [".csv", ".csv.sha256", ".csv.done", "head"];
    for done in 0..=steps.len() {
        let office = Office::with_files().await;
        let folder = office.places().folder;
        let whole = octets_in(&folder);
        for undone in &steps[done..] {
            if *undone == "head" {
                let sha256 = Sha256::digest(fs::read(office.path(2)).unwrap());
                let line = format!("2 {} op_demand_1_00000002.csv\n", hex::encode(sha256));
                fs::write(office.places().head_file, line).unwrap();
            } else {
                fs::remove_file(office.path(3).with_extension(&undone[1..])).unwrap();
            }
        }
        fs::write(office.path(3).with_extension("csv.tmp"), b"H;half a li").unwrap();
        office
            .desk
            .alter(|rows: &mut Rows| rows.batches[2].sha256 = None);
        let written = office.export().await.unwrap();
        assert_eq!(
            written.iter().map(|file| file.sequence).collect::<Vec<_>>(),
            [3, 4]
        );
        let of_three = octets_in(&folder)
            .into_iter()
            .filter(|(name, _)| !name.contains("_00000004."))
            .collect::<Vec<_>>();
        assert_eq!(of_three, whole, "after {done} steps");
        assert_eq!(office.faults().await, []);
    }
}

#[tokio::test]
async fn another_file_under_the_name_is_named_and_never_overwritten() {
    let office = Office::with_files().await;
    fs::write(office.path(4), b"not ours").unwrap();
    let failed = office.export().await.unwrap_err();
    assert!(
        matches!(&failed, ExportError::Differs(path) if *path == office.path(4)),
        "{failed}"
    );
    assert_eq!(fs::read(office.path(4)).unwrap(), b"not ours");
    fs::remove_file(office.path(4)).unwrap();
    let written = office.export().await.unwrap();
    assert_eq!(
        written.iter().map(|file| file.sequence).collect::<Vec<_>>(),
        [4, 5]
    );
    assert_eq!(office.faults().await, []);
}

#[tokio::test]
async fn books_that_were_set_back_write_no_second_file_with_a_number() {
    let office = Office::with_files().await;
    let head = fs::read(office.places().head_file).unwrap();
    fs::remove_dir_all(office.places().folder).unwrap();
    office.desk.alter(|rows: &mut Rows| {
        rows.batches.truncate(2);
        rows.batches[1].sha256 = None;
    });
    let failed = office.export().await.unwrap_err();
    assert!(
        matches!(
            failed,
            ExportError::OtherHead {
                at: 3,
                before: 1,
                ..
            }
        ),
        "{failed}"
    );
    assert!(!office.path(2).exists());
    assert_eq!(fs::read(office.places().head_file).unwrap(), head);
}

#[tokio::test]
async fn a_resent_file_is_the_delivered_one_or_none() {
    let office = Office::with_files().await;
    let again = office.folder.path().join("again");
    resend(&office.desk, &profile(), 3, &again).await.unwrap();
    let resent = fs::read(again.join("op_demand_1_00000003.csv")).unwrap();
    assert_eq!(resent, fs::read(office.path(3)).unwrap());
    let missing = resend(&office.desk, &profile(), 4, &again).await;
    assert!(matches!(missing, Err(ExportError::NotFound(4))));
    let masked = Profile {
        exposes_msisdn: false,
        ..profile()
    };
    let other = resend(&office.desk, &masked, 1, &again).await;
    assert!(matches!(other, Err(ExportError::Changed(_))));
    assert!(!again.join("op_demand_1_00000001.csv").exists());
}

#[tokio::test]
async fn two_exports_do_not_work_in_one_folder() {
    let office = Office::with_files().await;
    let _lock = svgate::export::folder::Folder::lock(&office.places().folder).unwrap();
    assert!(matches!(office.export().await, Err(ExportError::Busy(_))));
}

#[tokio::test]
async fn a_charge_that_stays_open_for_a_day_goes_out_provisional() {
    let office = Office::with_files().await;
    office.desk.pass_ms(86_400_000);
    let args = ExportArgs {
        action: ExportAction::Run(RunArgs {
            allow_empty: true,
            json: true,
        }),
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (desk, places) = (&office.desk, office.places());
    let a_day_ago = desk.now().plus_ms(1 - 86_400_000);
    let export = async |args: &ExportArgs, out: &mut Vec<u8>, err: &mut Vec<u8>| {
        svgate::commands::export::run(args, desk, &profile(), &places, a_day_ago, out, err).await
    };
    let status = export(&args, &mut out, &mut err).await;
    assert_eq!((status, err), (0, Vec::new()));
    let text = fs::read_to_string(office.path(4)).unwrap();
    assert!(text.contains(";text;1;1\n"), "late and provisional: {text}");
    let report = office.reconciled().await;
    assert!(
        report.is_clean() && report.not_yet_exportable.is_empty(),
        "{report}"
    );
    let args = ExportArgs {
        action: ExportAction::Verify(VerifyArgs {
            dir: None,
            json: false,
        }),
    };
    out = Vec::new();
    err = Vec::new();
    let status = export(&args, &mut out, &mut err).await;
    let said = String::from_utf8(out).unwrap();
    assert_eq!(
        (status, said.as_str()),
        (0, "4 files, chain unbroken to op_demand_1_00000004.csv\n")
    );
}

#[tokio::test]
async fn a_period_without_entries_has_a_file_unless_it_may_not() {
    let office = Office::with_files().await;
    office.export().await.unwrap();
    assert_eq!(office.export().await.unwrap()[0].rows, 0);
    let written = run(&office.desk, &profile(), &office.places(), false)
        .await
        .unwrap();
    assert_eq!(written, []);
    let over_by = office.desk.now();
    let sweep = Member::SweepParts { over_by };
    office.desk.submit(sweep).await.unwrap();
    assert_eq!(office.faults().await, []);
}

/// Whether a difference of this source is in the report.
fn names(report: &Report, source: Source) -> bool {
    report
        .differences
        .iter()
        .any(|difference| difference.source == source)
}
