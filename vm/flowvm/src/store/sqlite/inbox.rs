//! Letters to the process that drives a run, and the values that outlive runs. The driver marks a letter as
//! taken in the same commit that records what it did.

use rusqlite::{OptionalExtension, params};
use serde_json::Value as Json;

use flow_machine::{Input, Time};

use super::{SqliteStore, damaged, text};
use crate::error::Result;

pub(super) fn post(store: &SqliteStore, run: &str, input: &Input, now: Time) -> Result<i64> {
    let (run, input) = (run.to_owned(), text(input));
    store.write(move |db| {
        db.prepare_cached("INSERT INTO inbox (run, at, input) VALUES (?1, ?2, ?3)")?
            .execute(params![run, now, input])?;
        Ok(db.last_insert_rowid())
    })
}

pub(super) fn waiting(store: &SqliteStore, run: &str) -> Result<Vec<(i64, Input)>> {
    let rows = || -> rusqlite::Result<Vec<(i64, String)>> {
        store
            .db
            .prepare_cached("SELECT id, input FROM inbox WHERE run = ?1 AND state = 'waiting' ORDER BY id")?
            .query_map([run], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    };
    let rows = rows().map_err(|error| store.error(&error))?;
    rows.into_iter()
        .map(|(id, input)| {
            let input = serde_json::from_str(&input)
                .map_err(|error| damaged(&store.path, &format!("letter {id}: {error}")))?;
            Ok((id, input))
        })
        .collect()
}

pub(super) fn letter(store: &SqliteStore, id: i64) -> Result<Option<std::result::Result<(), String>>> {
    let found = store
        .db
        .query_row("SELECT state, message FROM inbox WHERE id = ?1", [id], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))
        })
        .map_err(|error| store.error(&error))?;
    Ok(match found.0.as_str() {
        "accepted" => Some(Ok(())),
        "refused" => Some(Err(found.1.unwrap_or_default())),
        _ => None,
    })
}

pub(super) fn memory_get(store: &SqliteStore, namespace: &str, key: &str) -> Result<Option<Json>> {
    let found: Option<String> = store
        .db
        .prepare_cached("SELECT value FROM memory WHERE namespace = ?1 AND key = ?2")
        .and_then(|mut select| select.query_row([namespace, key], |row| row.get(0)).optional())
        .map_err(|error| store.error(&error))?;
    found
        .map(|value| {
            serde_json::from_str(&value)
                .map_err(|error| damaged(&store.path, &format!("value `{key}` of `{namespace}`: {error}")))
        })
        .transpose()
}

pub(super) fn memory_put(
    store: &SqliteStore,
    namespace: &str,
    key: &str,
    value: &Json,
    now: Time,
) -> Result<bool> {
    let (namespace, key, value) = (namespace.to_owned(), key.to_owned(), text(value));
    store.write(move |db| {
        let before = db
            .prepare_cached("SELECT 1 FROM memory WHERE namespace = ?1 AND key = ?2")?
            .exists([&namespace, &key])?;
        db.prepare_cached(
            "INSERT INTO memory (namespace, key, value, updated_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
        )?
        .execute(params![namespace, key, value, now])?;
        Ok(before)
    })
}

pub(super) fn memory_delete(store: &SqliteStore, namespace: &str, key: &str) -> Result<bool> {
    let (namespace, key) = (namespace.to_owned(), key.to_owned());
    store.write(move |db| {
        db.prepare_cached("DELETE FROM memory WHERE namespace = ?1 AND key = ?2")?
            .execute([namespace, key])
            .map(|rows| rows == 1)
    })
}

pub(super) fn memory_list(store: &SqliteStore, namespace: &str) -> Result<Vec<String>> {
    let keys = || -> rusqlite::Result<Vec<String>> {
        store
            .db
            .prepare_cached("SELECT key FROM memory WHERE namespace = ?1 ORDER BY key")?
            .query_map([namespace], |row| row.get(0))?
            .collect()
    };
    keys().map_err(|error| store.error(&error))
}
