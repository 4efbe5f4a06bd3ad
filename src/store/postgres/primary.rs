//! Which host is the primary, followed for as long as the books are open.
//!
//! A fail-over gives the new primary a higher timeline. An old one that is still up, or woke again,
//! says of itself that it is a primary too: it is never gone back to.

use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::gateway::books::StoreError;
use crate::store::postgres::session::PostgresOptions;

/// Every host, and which is the primary; clones are the same.
#[derive(Clone)]
pub(in crate::store) struct Cluster {
    hosts: Arc<[Host]>,
    primary: Arc<watch::Sender<Following>>,
}

struct Host {
    name: String,
    writing: PgConnectOptions,
    readers: PgPool,
}

/// The primary that is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Following {
    /// Its place among the hosts; none while there is none.
    host: Option<usize>,
    /// The highest timeline that was ever seen: no host with a lower one is followed.
    timeline: i64,
}

/// What a host says of itself: its timeline if it is a primary, none if it is a standby.
type Said = Result<Option<i64>, String>;

impl Following {
    /// Whom to follow after these answers. A primary that once did not answer is kept: it may be
    /// slow, and nothing is lost by asking it again.
    fn after(self, said: &[Said]) -> Self {
        let best = said
            .iter()
            .enumerate()
            .filter_map(|(host, said)| Some((said.as_ref().ok().copied()??, host)))
            .filter(|(timeline, _)| *timeline >= self.timeline)
            .max_by_key(|(timeline, host)| (*timeline, Some(*host) == self.host));
        if let Some((timeline, host)) = best {
            return Self {
                host: Some(host),
                timeline,
            };
        }
        let demoted = self
            .host
            .and_then(|host| said.get(host))
            .is_some_and(|said| *said == Ok(None));
        Self {
            host: self.host.filter(|_| !demoted),
            ..self
        }
    }
}

impl Cluster {
    /// Asks every host once.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when none is a primary, with what each said.
    pub(in crate::store) async fn find(options: &PostgresOptions) -> Result<Self, StoreError> {
        let hosts = options.hosts.iter().map(|(host, port)| {
            let reading = options.session(host, *port, "svgate reads");
            Host {
                name: format!("{host}:{port}"),
                writing: options.session(host, *port, "svgate writes"),
                readers: PgPoolOptions::new()
                    .max_connections(READERS)
                    .acquire_timeout(ASK_WITHIN)
                    .connect_lazy_with(reading),
            }
        });
        let hosts: Arc<[Host]> = hosts.collect();
        let mut probes = hosts.iter().map(|_| None).collect::<Vec<_>>();
        let said = ask_all(&hosts, &mut probes).await;
        let following = Following::default().after(&said);
        if following.host.is_none() {
            let said = hosts.iter().zip(said).map(|(host, said)| match said {
                Ok(_) => format!("{} is a standby", host.name),
                Err(error) => format!("{}: {error}", host.name),
            });
            let said = said.collect::<Vec<_>>().join("; ");
            return Err(StoreError::Unavailable(format!(
                "no host of [store.postgres] is a primary: {said}"
            )));
        }
        let (primary, _) = watch::channel(following);
        Ok(Self {
            hosts,
            primary: Arc::new(primary),
        })
    }

    /// Follows the primary until it is dropped.
    pub(in crate::store) async fn follow(&self) {
        let mut probes = self.hosts.iter().map(|_| None).collect::<Vec<_>>();
        let mut unanswered = 0_u32;
        loop {
            tokio::time::sleep(ASK_EVERY).await;
            let said = ask_all(&self.hosts, &mut probes).await;
            let before = *self.primary.borrow();
            let mut now = before.after(&said);
            let silent = now
                .host
                .is_some_and(|host| !matches!(said.get(host), Some(Ok(_))));
            unanswered = if silent {
                unanswered.saturating_add(1)
            } else {
                0
            };
            if unanswered >= SILENT_MAX {
                now.host = None;
            }
            if now == before {
                continue;
            }
            self.primary.send_replace(now);
            if let Some(host) = now.host.and_then(|host| self.hosts.get(host)) {
                tracing::warn!(primary = host.name, timeline = now.timeline, "following");
            } else {
                tracing::warn!("there is no primary: nothing is taken until there is");
            }
        }
    }

    /// A session for a writer on the primary.
    pub(in crate::store) async fn connect(&self) -> Result<PgConnection, StoreError> {
        let host = self.host()?;
        let connecting = timeout(ASK_WITHIN, host.writing.connect()).await;
        let connected = connecting.map_err(|_| said(host, &"it does not answer"))?;
        connected.map_err(|error| said(host, &error))
    }

    /// The pool of readers of the primary.
    pub(in crate::store) fn readers(&self) -> Result<&PgPool, StoreError> {
        Ok(&self.host()?.readers)
    }

    /// Does `work` with the primary, unless another becomes it meanwhile or it takes too long.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]; the work was dropped where it stood.
    pub(in crate::store) async fn while_primary<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, StoreError> {
        let mut primary = self.primary.subscribe();
        tokio::select! {
            biased;
            done = work => Ok(done),
            _ = primary.changed() => Err(unavailable("the primary has changed")),
            () = tokio::time::sleep(limit) => Err(unavailable("the primary does not answer")),
        }
    }

    fn host(&self) -> Result<&Host, StoreError> {
        let host = self.primary.borrow().host;
        let host = host.and_then(|host| self.hosts.get(host));
        host.ok_or_else(|| unavailable("there is no primary"))
    }
}

fn unavailable(text: &str) -> StoreError {
    StoreError::Unavailable(text.to_owned())
}

fn said(host: &Host, what: &dyn std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("{}: {what}", host.name))
}

/// Asks all hosts at once; none holds up the others for longer than [`ASK_WITHIN`].
async fn ask_all(hosts: &[Host], probes: &mut [Option<PgConnection>]) -> Vec<Said> {
    let mut asking: Vec<_> = hosts
        .iter()
        .zip(probes)
        .map(|(host, probe)| Box::pin(ask(host, probe)))
        .collect();
    let mut said: Vec<Option<Said>> = asking.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        let mut waits = false;
        for (asking, said) in asking.iter_mut().zip(&mut said) {
            if said.is_none() {
                match asking.as_mut().poll(cx) {
                    std::task::Poll::Ready(answer) => *said = Some(answer),
                    std::task::Poll::Pending => waits = true,
                }
            }
        }
        if waits {
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(())
        }
    })
    .await;
    said.into_iter().flatten().collect()
}

async fn ask(host: &Host, probe: &mut Option<PgConnection>) -> Said {
    let asked = timeout(ASK_WITHIN, async {
        let mut connection = match probe.take() {
            Some(connection) => connection,
            None => host.writing.connect().await?,
        };
        let timeline: Option<i64> = sqlx::query_scalar(TIMELINE)
            .fetch_one(&mut connection)
            .await?;
        *probe = Some(connection);
        Ok::<_, sqlx::Error>(timeline)
    })
    .await;
    match asked {
        Ok(Ok(timeline)) => Ok(timeline),
        Ok(Err(sqlx::Error::Database(error))) => Err(remedy(&*error)),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("it does not answer".to_owned()),
    }
}

/// What the server says, with what an operator can do about it.
fn remedy(error: &dyn sqlx::error::DatabaseError) -> String {
    let advice = match error.code().as_deref() {
        Some("28P01" | "28000") => ": see user and password_file of [store.postgres]",
        Some("3D000") => ": create it, and make it the role's own",
        _ => "",
    };
    format!("{}{advice}", error.message())
}

/// The timeline is in the first eight digits of the name of the log file that is written now.
const TIMELINE: &str = "select case when pg_is_in_recovery() then null else
     ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int8 end";
const ASK_EVERY: Duration = Duration::from_millis(250);
const ASK_WITHIN: Duration = Duration::from_secs(1);
/// Rounds without an answer after which a primary counts as gone: some three seconds.
const SILENT_MAX: u32 = 3;
/// Polls and commands; each is a process on the server.
const READERS: u32 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn following(host: Option<usize>, timeline: i64) -> Following {
        Following { host, timeline }
    }

    #[test]
    fn the_highest_timeline_is_followed_and_never_left_for_a_lower_one() {
        let gone = || Err("gone".to_owned());
        let first = Following::default().after(&[Ok(Some(3)), Ok(None), gone()]);
        assert_eq!(first, following(Some(0), 3));
        // Both call themselves primary: the higher timeline is the newer.
        let both = first.after(&[Ok(Some(3)), Ok(Some(4)), gone()]);
        assert_eq!(both, following(Some(1), 4));
        // The old one woke again while the new one is silent.
        let woken = both.after(&[Ok(Some(3)), gone(), gone()]);
        assert_eq!(woken, following(Some(1), 4));
        assert_eq!(
            both.after(&[Ok(Some(3)), Ok(None), gone()]),
            following(None, 4)
        );
        let back = following(None, 4).after(&[Ok(None), gone(), Ok(Some(4))]);
        assert_eq!(back, following(Some(2), 4));
    }

    #[test]
    fn of_two_equal_ones_the_present_one_stays() {
        let said = [Ok(Some(4)), Ok(Some(4))];
        assert_eq!(following(Some(0), 4).after(&said), following(Some(0), 4));
        assert_eq!(following(Some(1), 4).after(&said), following(Some(1), 4));
    }
}
