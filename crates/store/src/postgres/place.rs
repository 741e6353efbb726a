//! Where the tables are: by this it is seen that they were restored from a dump.
//!
//! A dump holds the rows of the tables and not their numbers in the catalogue, which a restore makes anew. So the store
//! keeps the numbers that it knows itself by; where they are others, erased people and ended sessions may be back, and
//! nothing is opened until [`crate::Store::restore_database`] has dealt with that. A physical copy of the whole server
//! has the same numbers and does not show.

use deadpool_postgres::ClientWrapper;
use serde::{Deserialize, Serialize};
use tokio_postgres::Error;

/// The value of the store itself that holds the place.
const NAME: &str = "place";
/// The tables that are looked at: some of the data and all of the keys.
const TABLES: &str = "ARRAY['testudo.document', 'testudo.journal', 'testudo.meta', 'testudo.erased', \
                      'testudo_keys.ring', 'testudo_keys.person_key']";

/// The numbers of the tables, and of what they are in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whereabouts {
    tables: Vec<u32>,
    database: u32,
    /// The number of the server's data, as text; empty where it may not be asked for.
    system: String,
    /// The first number of the server's version.
    major: i32,
}

/// What the stored place says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// The tables are where they always were.
    Same,
    /// Nothing was kept yet, or the server was upgraded: what is found now is right.
    New,
    /// The tables were restored from a dump.
    Restored,
}

impl Whereabouts {
    /// Where the tables are now; to be asked when there are all of them.
    pub async fn now(on: &ClientWrapper) -> Result<Whereabouts, Error> {
        let sql = format!(
            "SELECT ARRAY(SELECT to_regclass(name)::oid FROM UNNEST({TABLES}) WITH ORDINALITY AS t (name, n) ORDER BY n), \
             (SELECT oid FROM pg_database WHERE datname = current_database()), \
             current_setting('server_version_num')::int / 10000"
        );
        let row = on.query_one(sql.as_str(), &[]).await?;
        // Some providers keep this one for themselves.
        let system = on.query_one("SELECT system_identifier::text FROM pg_control_system()", &[]).await;
        let system = system.and_then(|row| row.try_get(0)).unwrap_or_default();
        let tables: Vec<Option<u32>> = row.try_get(0)?;
        let tables = tables.into_iter().map(Option::unwrap_or_default).collect();
        Ok(Whereabouts { tables, database: row.try_get(1)?, system, major: row.try_get(2)? })
    }

    /// A place that is none: kept while a restore is not finished, also where the tables have not moved.
    pub fn nowhere() -> Whereabouts {
        Whereabouts { tables: Vec::new(), database: 0, system: String::new(), major: 0 }
    }

    /// Compares with what is stored.
    pub fn compare(&self, stored: Option<&[u8]>) -> Found {
        let Some(stored) = stored.and_then(|stored| serde_json::from_slice::<Whereabouts>(stored).ok()) else {
            return Found::New;
        };
        if stored == *self {
            return Found::Same;
        }
        if stored.tables != self.tables {
            return Found::Restored;
        }
        // `pg_upgrade` keeps the numbers of tables and changes the others.
        if stored.major != self.major {
            return Found::New;
        }
        let unknown = stored.system.is_empty() || self.system.is_empty();
        let moved = stored.database != self.database || (!unknown && stored.system != self.system);
        if moved { Found::Restored } else { Found::New }
    }

    /// Keeps where the tables are: from now on this is their right place.
    pub async fn keep(&self, on: &ClientWrapper) -> Result<(), Error> {
        let value = serde_json::to_vec(self).unwrap_or_default();
        let sql = "INSERT INTO testudo.meta (name, value) VALUES ($1, $2) \
                   ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value";
        on.execute(sql, &[&NAME, &value]).await.map(drop)
    }

    /// The stored place.
    pub async fn stored(on: &ClientWrapper) -> Result<Option<Vec<u8>>, Error> {
        let row = on.query_opt("SELECT value FROM testudo.meta WHERE name = $1", &[&NAME]).await?;
        row.map(|row| row.try_get(0)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(tables: &[u32], database: u32, system: &str, major: i32) -> Whereabouts {
        Whereabouts { tables: tables.to_vec(), database, system: system.to_owned(), major }
    }

    #[test]
    fn a_restore_is_told_from_an_upgrade() {
        let stored = serde_json::to_vec(&place(&[1, 2], 5, "7", 15)).unwrap_or_default();
        let found = |now: Whereabouts| now.compare(Some(&stored));
        assert_eq!(found(place(&[1, 2], 5, "7", 15)), Found::Same);
        assert_eq!(found(place(&[1, 3], 5, "7", 15)), Found::Restored, "other tables");
        assert_eq!(found(place(&[1, 3], 5, "7", 16)), Found::Restored, "other tables on a newer server");
        assert_eq!(found(place(&[1, 2], 6, "7", 15)), Found::Restored, "a copy of the database");
        assert_eq!(found(place(&[1, 2], 5, "8", 15)), Found::Restored, "the same steps on another server");
        assert_eq!(found(place(&[1, 2], 5, "8", 17)), Found::New, "pg_upgrade");
        assert_eq!(found(place(&[1, 2], 5, "", 15)), Found::New, "the server does not say");
        assert_eq!(place(&[1], 5, "7", 15).compare(None), Found::New);
        let nowhere = serde_json::to_vec(&Whereabouts::nowhere()).unwrap_or_default();
        assert_eq!(place(&[1], 5, "7", 15).compare(Some(&nowhere)), Found::Restored);
        assert_eq!(place(&[1], 5, "7", 15).compare(Some(b"{}")), Found::New);
    }
}
