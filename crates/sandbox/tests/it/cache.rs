//! Machine code on disk: found again, and ignored when it is not what we wrote.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nexus_sandbox::{Invocation, Options, Sandbox};
use serde_json::{Value, json};

use crate::fixture::options;

async fn works(folder: &Path) {
    let own = Sandbox::start(Options { cache_folder: Some(folder.to_owned()), ..options() }).unwrap();
    let module = own.compile("a.js", "export function Main() { return 3 }").await.unwrap();
    let outcome = own.call(Invocation::new(module, "Main", Value::Null)).await.unwrap();
    assert_eq!(outcome.result, json!(3));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn code_is_kept_private_and_damaged_or_foreign_files_are_ignored() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("code");
    works(&folder).await;
    let kept = files(&folder);
    assert_eq!(kept.len(), 1, "{kept:?}");
    let facts = fs::metadata(&kept[0]).unwrap();
    assert_eq!(facts.permissions().mode() & 0o777, 0o600);
    let written = facts.modified().unwrap();
    works(&folder).await;
    assert_eq!(fs::metadata(&kept[0]).unwrap().modified().unwrap(), written, "the second start only reads");

    let mut code = fs::read(&kept[0]).unwrap();
    let middle = code.len() / 2;
    code[middle] ^= 0xff;
    // A new file takes its place: the old one may still be mapped, and must not change under its reader.
    let damaged = home.path().join("damaged");
    fs::write(&damaged, &code).unwrap();
    fs::set_permissions(&damaged, facts.permissions()).unwrap();
    fs::rename(&damaged, &kept[0]).unwrap();
    let name = kept[0].file_name().unwrap().to_str().unwrap();
    let (prefix, _) = name.rsplit_once('-').unwrap();
    fs::write(folder.join(format!("{prefix}-00.cwasm")), b"not machine code").unwrap();
    std::os::unix::fs::symlink("/dev/null", folder.join(format!("{prefix}-11.cwasm"))).unwrap();
    works(&folder).await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_only_costs_time() {
    let home = tempfile::tempdir().unwrap();
    let blocked = home.path().join("file");
    fs::write(&blocked, "in the way").unwrap();
    works(&blocked).await;
}
