//! Where the configuration says that the books are.

use crate::config::places::StoreConfig;
use crate::gateway::books::StoreError;
use crate::store::{Place, PostgresOptions, PostgresTls};

/// The database that holds the books.
///
/// # Errors
///
/// [`StoreError::Unavailable`] names the password file that can't be read.
pub fn place_of(store: &StoreConfig) -> Result<Place, StoreError> {
    let Some(shared) = &store.postgres else {
        return Ok(Place::File(store.path.clone()));
    };
    let password = shared.password().map_err(|error| {
        let file = shared.password_file.as_deref().unwrap_or(&store.path);
        StoreError::Unavailable(format!("{} can't be read: {error}", file.display()))
    })?;
    let hosts = shared.hosts.iter();
    Ok(Place::Postgres(PostgresOptions {
        hosts: hosts.map(|at| (at.host.clone(), at.port)).collect(),
        database: shared.database.clone(),
        user: shared.user.clone(),
        password,
        tls: match &shared.ca_file {
            None => PostgresTls::Off,
            Some(ca_file) => PostgresTls::Verified {
                ca_file: ca_file.clone(),
            },
        },
    }))
}
