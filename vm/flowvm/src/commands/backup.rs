//! `flowvm backup`: a copy of the store as of now, while runs go on.

use serde_json::json;

use super::Place;
use crate::args::{Backup, Common};
use crate::error::Result;
use crate::view::{note, out};

pub(super) fn perform(args: &Backup, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let bytes = place.open()?.backup(&args.path)?;
    if common.json {
        out(&json!({"path": args.path, "bytes": bytes}).to_string());
    } else {
        out(&args.path.display().to_string());
        note(&format!(
            "{bytes} bytes; use it with --store {}",
            args.path.display()
        ));
    }
    Ok(0)
}
