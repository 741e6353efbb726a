//! What an error of the driver means: try again, refuse, or give up. Texts never hold values of rows.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::CommitError;

/// Why a step on the database failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// This transaction cannot happen; another try would not change that.
    Refused(CommitError),
    /// The database or the way to it failed.
    Database(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed::Database(error)
    }
}

impl From<CommitError> for Failed {
    fn from(error: CommitError) -> Failed {
        Failed::Refused(error)
    }
}

/// Whether the same work may succeed when it is tried again at once, if need be on another connection.
pub(super) fn passing(error: &Error) -> bool {
    match error.code() {
        Some(code) => {
            [
                SqlState::T_R_SERIALIZATION_FAILURE,
                SqlState::T_R_DEADLOCK_DETECTED,
                SqlState::ADMIN_SHUTDOWN,
                SqlState::CRASH_SHUTDOWN,
                SqlState::CANNOT_CONNECT_NOW,
                SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                // Plans of a connection that outlived a migration.
                SqlState::FEATURE_NOT_SUPPORTED,
            ]
            .contains(code)
                || code.code().starts_with("08")
        }
        None => broken(error),
    }
}

/// Whether the connection is gone, so that nothing is known of what was under way.
pub(super) fn broken(error: &Error) -> bool {
    let io = || error.source().and_then(|source| source.downcast_ref::<std::io::Error>()).is_some();
    error.is_closed() || (error.as_db_error().is_none() && io()) || error.code().is_some_and(ends)
}

/// Errors with which the server ends the session, possibly while it commits.
fn ends(code: &SqlState) -> bool {
    [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::DATABASE_DROPPED].contains(code)
        || code.code().starts_with("08")
}

/// The cause in words.
pub(super) fn cause(error: &Error) -> String {
    let Some(refusal) = error.as_db_error() else {
        return match error.source() {
            Some(source) => format!("the connection to PostgreSQL failed: {source}"),
            None => format!("the connection to PostgreSQL failed: {error}"),
        };
    };
    let code = refusal.code();
    let known = [
        (SqlState::DISK_FULL, "there is no space left"),
        (SqlState::LOCK_NOT_AVAILABLE, "another transaction holds a lock"),
        (SqlState::QUERY_CANCELED, "PostgreSQL did not answer in time"),
        (SqlState::READ_ONLY_SQL_TRANSACTION, "the database may only be read"),
        (SqlState::TOO_MANY_CONNECTIONS, "PostgreSQL takes no more connections"),
        (SqlState::INVALID_PASSWORD, "PostgreSQL does not accept the password"),
        (SqlState::INSUFFICIENT_PRIVILEGE, "the user may not do this; make it the owner of the schemas"),
    ];
    match known.iter().find(|(known, _)| known == code) {
        Some((_, text)) => (*text).to_owned(),
        // The message names tables and limits; values of rows stand in the detail, which is left out.
        None => format!("PostgreSQL says `{}` ({})", refusal.message(), code.code()),
    }
}
