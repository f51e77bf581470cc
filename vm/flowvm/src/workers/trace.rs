//! The trace context of a call (W3C `traceparent`): the run is the trace, the attempt is the span. Made from
//! names, so that a call that is sent again after a crash stays in its place.

use ring::digest::{SHA256, digest};
use uuid::Uuid;

use crate::hex;

/// The header's value.
pub(super) fn parent(run: &str, key: &str, attempt: u32) -> String {
    let trace = hex::encode(&digest(&SHA256, run.as_bytes()).as_ref()[..16]);
    let span = hex::encode(&digest(&SHA256, format!("{key} {attempt}").as_bytes()).as_ref()[..8]);
    format!("00-{trace}-{span}-01")
}

/// A name that nothing else has.
pub(super) fn unique() -> String {
    Uuid::now_v7().simple().to_string()
}
