//! Source to image, so that `flowvm run x.flow` just works. What is wrong with the source is said by the
//! compiler; this file only hands files in and diagnostics out.

use std::path::Path;

use flow_bytecode::VerifiedImage;

use crate::error::{Error, Result, code};

/// Compiles the project whose entry is this file.
pub fn compile(path: &Path) -> Result<VerifiedImage> {
    std::fs::metadata(path).map_err(|error| crate::program::unreadable(path, &error))?;
    let message = format!("`{}`: sources cannot be compiled here yet", path.display());
    Err(Error::new(code::FILE_UNREADABLE, message).help("flowc build FILE -o OUT.flowb, then run that"))
}
