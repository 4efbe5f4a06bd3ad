//! One batch: reads what its members name, proves, decides, writes what changed, and commits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::gateway::books::{Committed, StoreError};
use crate::gateway::context::Context;
use crate::gateway::decide;
use crate::gateway::member::{Member, Outcome};
use crate::gateway::prove::{Proved, first_wants, further_wants, prove};
use crate::gateway::world::{MissedBy, Wants, World};
use crate::store::connection::{Around, Broken, Connection};
use crate::store::link::Link;
use crate::store::locks::{self, Locked};
use crate::store::readers::Readers;
use crate::store::rows::{Columns, StoredRow, corrupt};
use crate::store::serving::{FileSeat, Opening, Seat, Serving};
use crate::store::sqlite::unavailable;
use crate::store::statements::Query;
use crate::store::writer::Writing;
use crate::store::{Clock, Place, StoreOptions, enter, load, postgres, save, sqlite};

/// What deciding a batch needs besides its members.
pub(super) struct Batch {
    pub(super) node: u16,
    /// The node's epoch when the books were opened: another one means that it was taken over.
    pub(super) epoch: i64,
    /// A random number of this process.
    pub(super) writer: i64,
    pub(super) serving: Serving,
    /// The last batch that this process knows to be committed.
    pub(super) made: AtomicI64,
    pub(super) context: Arc<Context>,
    pub(super) clock: Clock,
}

/// The members of a batch.
#[derive(Clone, Copy)]
pub(super) struct Members<'a> {
    pub(super) all: &'a [Member],
    /// The places of those that are decided without keys that are away.
    pub(super) without_keys: &'a BTreeSet<usize>,
}

/// What a batch came to.
pub(super) struct Decided {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) committed: Committed,
}

/// How a batch failed.
pub(super) enum Failed {
    /// Nothing was stored.
    Before(StoreError),
    /// Another transaction was in the way, and nothing was stored: it may go well at once.
    Again(StoreError),
    /// Keys of SIMs were not at hand, and nothing was stored: who needs which.
    Keyless(MissedBy),
    /// Another process goes on as the node, or what this one committed is gone: it must not write any
    /// more. What to tell.
    TakenOver(String),
    /// The commit was refused or got no answer: only reading the number back tells.
    AtCommit {
        broken: Broken,
        number: i64,
        decided: Box<Decided>,
    },
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Before(error) | Failed::Again(error) => error,
            Failed::TakenOver(why) => Self::Unavailable(why),
            Failed::AtCommit { broken, .. } => Self::Unavailable(broken.to_string()),
            Failed::Keyless(_) => Self::Keyless("they are not at hand".to_owned()),
        }
    }
}

/// How a batch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Committed, if anything changed.
    Commit,
    /// Committed even if nothing changed: what it answers from may not be on a standby yet.
    CommitAnyway,
    /// Not at all: as if the process died.
    Never,
}

/// Opens the books of `options` for a writer and for readers.
pub(super) async fn open(
    options: &StoreOptions,
    opening: Opening,
    context: Arc<Context>,
    clock: Clock,
) -> Result<(Writing, Readers, Batch), StoreError> {
    let node = options.node;
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let writer = i64::from_be_bytes(random);
    let serving = Serving::default();
    let (writing, readers) = match &options.place {
        Place::Memory => {
            // Nobody else can have them.
            serving.set(opening == Opening::ToServe);
            sqlite::open(None, node, None).await?
        }
        Place::File(path) => {
            let seat = match opening {
                Opening::ToServe => Some(FileSeat::take(path, serving.clone()).await?),
                Opening::Beside => None,
            };
            sqlite::open(Some(path), node, seat).await?
        }
        Place::Postgres(options) => {
            let cluster = postgres::open(options, node).await?;
            let link = match opening {
                Opening::ToServe => {
                    let seat = Seat::new(node, writer, serving.clone());
                    Link::seated(cluster.clone(), seat).await?
                }
                Opening::Beside => Link::primary(cluster.clone()),
            };
            let writing = Writing::Postgres(cluster.clone(), link);
            (writing, Readers::Postgres(cluster))
        }
    };
    let sql = format!("select epoch from node where node = {node}");
    let rows = readers.select(&sql, &[]).await?;
    let epoch = rows.first().map(|row| Columns::of(row).int());
    let batch = Batch {
        node,
        epoch: epoch.unwrap_or(Ok(0))?,
        writer,
        serving,
        made: AtomicI64::new(0),
        context,
        clock,
    };
    Ok((writing, readers, batch))
}

impl Batch {
    /// Reads, proves, decides, writes and commits one batch.
    pub(super) async fn decide(
        &self,
        connection: &mut Connection,
        members: Members<'_>,
        end: End,
    ) -> Result<Decided, Failed> {
        self.decide_seen(connection, members, end, &|_| ()).await
    }

    /// The same; `seen` is shown what is written.
    pub(super) async fn decide_seen(
        &self,
        connection: &mut Connection,
        members: Members<'_>,
        end: End,
        seen: &(dyn Fn(&Query) + Sync),
    ) -> Result<Decided, Failed> {
        let Gathered {
            mut world, proved, ..
        } = match connection {
            Connection::Sqlite(_) => {
                Box::pin(self.gather(connection, members, Known::default())).await?
            }
            Connection::Postgres(_) => Box::pin(self.gather_locked(connection, members)).await?,
        };
        let count = members.all.len();
        let outcomes = decide::decide_batch(&mut world, proved, &self.context);
        if let Some(missed) = world.missed.take() {
            return Err(Failed::Keyless(missed));
        }
        if world.is_untouched() && end != End::CommitAnyway {
            connection.roll_back().await;
            let committed = Committed {
                members: count,
                ..Committed::default()
            };
            return Ok(Decided {
                outcomes,
                committed,
            });
        }
        world.counters.batch = world.counters.batch.saturating_add(1);
        world.counters.committed = world.now;
        world.counters.writer = self.writer;
        let number = world.counters.batch;
        let query = save::changed(&world);
        seen(&query);
        if end == End::Never {
            connection.roll_back().await;
            let committed = Committed::default();
            return Ok(Decided {
                outcomes,
                committed,
            });
        }
        let saved = connection.fetch(&query, Around::Commit).await;
        let own = Some(self.node);
        let outbox = world.outbox.new_rows().chain(world.outbox.changed());
        let outbox = outbox.map(|(_, row)| row);
        let outbox = outbox.filter(|row| row.node == own).cloned().collect();
        let committed = Committed {
            moved: world.moved,
            outbox,
            notices: world.notices,
            key_events: world.key_events,
            members: count,
            batch: number,
            elsewhere: None,
        };
        let decided = Decided {
            outcomes,
            committed,
        };
        match saved {
            Ok(_) => {
                self.made.fetch_max(number, Ordering::Relaxed);
                self.serving.works();
                Ok(decided)
            }
            Err(broken) => Err(failed_to_save(broken, number, decided)),
        }
    }

    /// Looks without locks for what the members need, locks that in the one order, and reads it
    /// again; from the start when another node changed meanwhile what it is.
    async fn gather_locked(
        &self,
        connection: &mut Connection,
        members: Members<'_>,
    ) -> Result<Gathered, Failed> {
        let opened = self.open_transaction(connection, members.all).await?;
        for _ in 0..LOOKS_MAX {
            let known = Known {
                opened: Some(&opened),
                ..Known::default()
            };
            let looked = self.gather(connection, members, known).await?;
            let locked = Locked::take(connection, &looked.world, &looked.asked)
                .await
                .map_err(failed)?;
            let known = Known {
                opened: Some(&opened),
                wants: looked.asked,
            };
            let read = self.gather(connection, members, known).await?;
            if locked.holds_all(&looked.world, &read.world) {
                return Ok(read);
            }
            Locked::release(connection).await.map_err(failed)?;
        }
        let text = "other nodes change what these orders need faster than it can be locked";
        Err(Failed::Again(StoreError::Unavailable(text.to_owned())))
    }

    /// Begins, holds the node's row, and reads what every batch needs.
    async fn open_transaction(
        &self,
        connection: &mut Connection,
        members: &[Member],
    ) -> Result<Vec<StoredRow>, Failed> {
        let hold = locks::opening(self.node, members);
        connection
            .fetch(&hold, Around::Begin)
            .await
            .map_err(failed)?;
        let opening = load::opening(self.node);
        let rows = connection.fetch(&opening, Around::Nothing).await;
        let rows = rows.map_err(failed)?;
        Locked::begin(connection).await.map_err(failed)?;
        Ok(rows)
    }

    /// Reads in rounds: what the members name by themselves, what opening them reveals, and what
    /// that leads to.
    async fn gather(
        &self,
        connection: &mut Connection,
        members: Members<'_>,
        known: Known<'_>,
    ) -> Result<Gathered, Failed> {
        let Known { opened, wants } = known;
        let mut asked = wants.clone();
        let mut first = Wants::default();
        for member in members.all {
            first_wants(member, &mut first);
        }
        let first = first.not_asked(&mut asked);
        let mut query = match opened {
            None => load::opening(self.node),
            Some(_) => Query::default(),
        };
        load::wanted(&mut query, self.node, &wants.and(first));
        let around = match opened {
            None => Around::Begin,
            Some(_) => Around::Nothing,
        };
        let rows = connection.fetch(&query, around).await.map_err(failed)?;
        let counters = enter::counters(opened.unwrap_or_default().iter().chain(&rows))
            .map_err(Failed::Before)?;
        if counters.epoch != self.epoch {
            return Err(Failed::TakenOver(format!(
                "node {} was taken over: start it again to go on as it",
                self.node
            )));
        }
        if counters.batch < self.made.load(Ordering::Relaxed) {
            return Err(Failed::TakenOver(SET_BACK.to_owned()));
        }
        let mut world = World::new(counters, (self.clock)());
        world.missed.without.clone_from(members.without_keys);
        enter_all(&mut world, opened.unwrap_or_default())?;
        enter_all(&mut world, &rows)?;
        let prove_one = |(place, member): (usize, &Member)| {
            world.missed.member = place;
            prove(&mut world, member.clone(), &self.context)
        };
        let proved: Vec<Proved> = members.all.iter().enumerate().map(prove_one).collect();
        if let Some(missed) = world.missed.take() {
            return Err(Failed::Keyless(missed));
        }
        for _ in 0..ROUNDS_MAX {
            let mut wants = Wants::default();
            for member in &proved {
                further_wants(&world, member, &mut wants);
            }
            let wants = wants.not_asked(&mut asked);
            if wants.is_empty() {
                break;
            }
            let mut query = Query::default();
            load::wanted(&mut query, self.node, &wants);
            let rows = connection.fetch(&query, Around::Nothing).await;
            enter_all(&mut world, &rows.map_err(failed)?)?;
        }
        Ok(Gathered {
            world,
            proved,
            asked,
        })
    }
}

/// What is known before a batch is read.
#[derive(Default)]
struct Known<'a> {
    /// What every batch needs, if the transaction has begun.
    opened: Option<&'a [StoredRow]>,
    /// What is wanted besides what the members name.
    wants: Wants,
}

/// What a batch read.
struct Gathered {
    world: World,
    proved: Vec<Proved>,
    asked: Wants,
}

fn enter_all(world: &mut World, rows: &[StoredRow]) -> Result<(), Failed> {
    for row in rows {
        enter::enter(world, row).map_err(Failed::Before)?;
    }
    Ok(())
}

/// What failed before anything was written.
fn failed(broken: Broken) -> Failed {
    match broken {
        Broken::Contended(error) => Failed::Again(unavailable(&error)),
        Broken::Before(error)
        | Broken::Rule(error)
        | Broken::AtCommit(error)
        | Broken::NotFlushed(error) => Failed::Before(refused(&error)),
        Broken::OnlyLocal(warning) => Failed::Before(StoreError::Unavailable(warning)),
    }
}

/// What the database says, with what an operator can do about it where that is not plain.
fn refused(error: &sqlx::Error) -> StoreError {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    match code.as_deref() {
        Some(DISK_FULL) => StoreError::Unavailable(format!(
            "the database's server has no room on its disk: make some, and it goes on by itself \
             ({error})"
        )),
        Some(READ_ONLY) => StoreError::Unavailable(format!(
            "the database's server takes no writes: see to default_transaction_read_only, or which \
             server is the primary, and it goes on by itself ({error})"
        )),
        _ => unavailable(error),
    }
}

fn failed_to_save(broken: Broken, number: i64, decided: Decided) -> Failed {
    match broken {
        Broken::Before(error) => Failed::Before(refused(&error)),
        Broken::Rule(error) => Failed::Before(corrupt(error.to_string())),
        Broken::Contended(error) => Failed::Again(match error.as_database_error() {
            // Nobody was first: it stays so when it is tried again.
            Some(rule) if rule.is_unique_violation() => corrupt(error.to_string()),
            Some(_) | None => unavailable(&error),
        }),
        Broken::AtCommit(_) | Broken::OnlyLocal(_) | Broken::NotFlushed(_) => Failed::AtCommit {
            broken,
            number,
            decided: Box::new(decided),
        },
    }
}

/// The SQLSTATE of a full disk.
const DISK_FULL: &str = "53100";
/// The SQLSTATE of a write in a transaction that may only read.
const READ_ONLY: &str = "25006";
/// What to do when commits that this process made are gone.
const SET_BACK: &str = "commits that this node made are gone: the books were restored from a backup, \
                        or a server took over that never had them; end every node, and then declare \
                        it: svgate store restored --reason TEXT";
/// A number leads to an order, the order to its terminal, the terminal to its merchant.
const ROUNDS_MAX: usize = 4;
/// Each look is some milliseconds; that rows change their identity in the middle of it is rare.
const LOOKS_MAX: usize = 5;
