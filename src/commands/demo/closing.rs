//! The end of the demo: every purchase at its end, billing files, their check, the reconciliation.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::Trouble;
use super::books::Found;
use super::gateway::Program;
use crate::commands::site::{Fault, Site};
use crate::domain::ids::{OutboxId, PurchaseId};
use crate::gateway::audit::AuditBooks as _;
use crate::gateway::books::Books as _;

/// What the operator's commands and the books said.
pub(super) struct Closed {
    /// The billing files: one made while phones were buying, one at the end.
    pub(super) files: Vec<File>,
    /// Whether `export verify` found every file as it should be, and what it said.
    pub(super) verified: (bool, String),
    /// Whether `reconcile` found no difference.
    pub(super) reconciled: bool,
    /// What it printed as JSON.
    pub(super) report: Value,
    /// The books themselves.
    pub(super) found: Found,
}

/// One billing file.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) rows: i64,
    pub(super) sha256: String,
}

/// Waits until no purchase has a deadline any more and no message waits, while the gateway runs.
pub(super) async fn all_ended(program: &Program) -> Result<(), Trouble> {
    on_books(program, async |_, store| {
        for _ in 0..LOOKS_MAX {
            let open = store.deadlines_after(PurchaseId(0), 1).await?;
            let waiting = store.outbox_after(OutboxId(0), 1).await?;
            if open.is_empty() && waiting.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let (open, waiting) = (
            store.deadlines_after(PurchaseId(0), MANY).await?.len(),
            store.outbox_after(OutboxId(0), MANY).await?.len(),
        );
        let text = format!("{open} purchases are open and {waiting} messages wait");
        Err(Fault::Failure(text))
    })
    .await
    .map_err(Trouble::Stuck)
}

/// Closes the open batch and writes its file; the gateway may be selling meanwhile.
pub(super) async fn export(program: &Program) -> Result<(), Trouble> {
    let run = program.run(["export", "run"]).await?;
    if run.status == 0 {
        return Ok(());
    }
    let said = run.said().to_owned();
    Err(Trouble::Command("export run".to_owned(), said))
}

/// Exports, verifies, reconciles, and reads the books.
pub(super) async fn close(program: &Program) -> Result<Closed, Trouble> {
    export(program).await?;
    let list = program.run(["export", "list", "--json"]).await?;
    let files = list.json().as_ref().map(files_of).unwrap_or_default();
    if list.status != 0 || files.is_empty() {
        let said = list.said().to_owned();
        return Err(Trouble::Command("export list".to_owned(), said));
    }
    let verify = program.run(["export", "verify"]).await?;
    let reconcile = program.run(["reconcile", "--json"]).await?;
    let Some(report) = reconcile.json() else {
        let said = reconcile.said().to_owned();
        return Err(Trouble::Command("reconcile".to_owned(), said));
    };
    let (to_found, found) = tokio::sync::oneshot::channel();
    on_books(program, async |_, store| {
        let found = Found::read(&mut store.snapshot().await?).await?;
        // The receiver waits below.
        to_found.send(found).ok();
        Ok(())
    })
    .await
    .map_err(Trouble::Part)?;
    Ok(Closed {
        files,
        verified: (verify.status == 0, verify.said().to_owned()),
        reconciled: reconcile.status == 0,
        report,
        found: found
            .await
            .map_err(|error| Trouble::Part(error.to_string()))?,
    })
}

/// Works on the books as a command does: on a thread with a runtime of its own.
async fn on_books<W>(program: &Program, work: W) -> Result<(), String>
where
    W: AsyncFnOnce(Site, crate::store::Store) -> Result<(), Fault> + Send + 'static,
{
    let config = Arc::new(program.config());
    let worked = tokio::task::spawn_blocking(move || Site::load(&config)?.on_books(work));
    match worked.await {
        Ok(done) => done.map_err(|fault| fault.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn files_of(json: &Value) -> Vec<File> {
    let batches = json.get("batches").and_then(Value::as_array);
    let text = |file: &Value, key: &str| Some(file.get(key)?.as_str()?.to_owned());
    let file = |file: &Value| {
        Some(File {
            name: text(file, "name")?,
            rows: file.get("rows")?.as_i64()?,
            sha256: text(file, "sha256")?,
        })
    };
    batches.into_iter().flatten().filter_map(file).collect()
}

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Half a minute: some times the longest deadline of `config/demo/svgate.toml`.
const LOOKS_MAX: u32 = 300;
const MANY: u32 = 1_000_000;
