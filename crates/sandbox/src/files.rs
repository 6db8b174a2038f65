//! Reading data files of the project, and nothing else.

use std::path::{Component, Path, PathBuf};

use tokio::io::AsyncReadExt;

use crate::op::OpError;

/// The text of a file inside `folder`. Paths are relative, with `/`, and never lead out, not even by a link.
pub(crate) async fn read(folder: Option<&Path>, path: &str, bytes_max: usize) -> Result<String, OpError> {
    let folder = folder.ok_or_else(|| refused(path, "this project has no data folder"))?;
    let real = resolve(folder, path).await?;
    let missing = |_| refused(path, "there is no such file in the data folder");
    let file = tokio::fs::File::open(&real).await.map_err(missing)?;
    // A pipe or device could answer for ever.
    let is_file = file.metadata().await.map_err(missing)?.is_file();
    if !is_file {
        return Err(refused(path, "it is not a file"));
    }
    let mut bytes = Vec::new();
    file.take(bytes_max as u64 + 1)
        .read_to_end(&mut bytes)
        .await
        .map_err(|error| OpError::new("FileError", format!("cannot read {path:?}: {error}")))?;
    if bytes.len() > bytes_max {
        return Err(refused(path, &format!("it has more than the allowed {bytes_max} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| refused(path, "it is not UTF-8 text"))
}

async fn resolve(folder: &Path, path: &str) -> Result<PathBuf, OpError> {
    let plain = |component| matches!(component, Component::Normal(_));
    let inside = !path.is_empty() && !path.contains(['\\', '\0']) && Path::new(path).components().all(plain);
    if !inside {
        return Err(refused(path, "paths are relative to the data folder, with / and without .."));
    }
    let missing = |_| refused(path, "there is no such file in the data folder");
    let root = tokio::fs::canonicalize(folder).await.map_err(missing)?;
    let real = tokio::fs::canonicalize(root.join(path)).await.map_err(missing)?;
    if real.starts_with(&root) { Ok(real) } else { Err(refused(path, "it leads out of the data folder")) }
}

fn refused(path: &str, reason: &str) -> OpError {
    OpError { non_retryable: true, ..OpError::new("FileError", format!("cannot read {path:?}: {reason}")) }
}
