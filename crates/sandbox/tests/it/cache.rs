//! What has been compiled, on disk: found again, and ignored when it is not what this installation wrote.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nexus_sandbox::{Invocation, Module, Options, Sandbox};
use serde_json::{Value, json};

use crate::fixture::options;

const THREE: &str = "export function Main() { return 3 }";

fn start(folder: &Path) -> Sandbox {
    Sandbox::start(Options { cache_folder: Some(folder.to_owned()), ..options() }).unwrap()
}

async fn compiled(folder: &Path, source: &str) -> (Value, Module) {
    let own = start(folder);
    let module = own.compile("a.js", source).await.unwrap();
    let outcome = own.call(Invocation::new(module.clone(), "Main", Value::Null)).await.unwrap();
    (outcome.result, module)
}

/// Runs a script on a sandbox of its own; whether its bytecode came from the folder.
async fn works(folder: &Path) -> bool {
    let (result, module) = compiled(folder, THREE).await;
    assert_eq!(result, json!(3));
    module.compile_cpu_us() == 0
}

fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.to_str().unwrap().ends_with(end)).collect();
    files.sort();
    files
}

/// A new file takes a file's place: the old one may still be mapped, and must not change under its reader.
fn replace(path: &Path, content: &[u8]) {
    let draft = path.with_extension("new");
    fs::write(&draft, content).unwrap();
    fs::set_permissions(&draft, PermissionsExt::from_mode(0o600)).unwrap();
    fs::rename(&draft, path).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn code_is_kept_private_and_damaged_or_foreign_files_are_ignored() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("code");
    works(&folder).await;
    let kept = files(&folder, ".cwasm");
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!((mode(&kept[0]), mode(&folder.join("secret"))), (0o600, 0o600));
    let written = fs::metadata(&kept[0]).unwrap().modified().unwrap();
    works(&folder).await;
    assert_eq!(fs::metadata(&kept[0]).unwrap().modified().unwrap(), written, "the second start only reads");

    let mut code = fs::read(&kept[0]).unwrap();
    let middle = code.len() / 2;
    code[middle] ^= 0xff;
    replace(&kept[0], &code);
    let name = kept[0].file_name().unwrap().to_str().unwrap();
    let (prefix, _) = name.rsplit_once('-').unwrap();
    fs::write(folder.join(format!("{prefix}-00.cwasm")), b"not machine code").unwrap();
    std::os::unix::fs::symlink("/dev/null", folder.join(format!("{prefix}-11.cwasm"))).unwrap();
    works(&folder).await;
}

#[tokio::test]
async fn bytecode_is_kept_and_found_again() {
    let home = tempfile::tempdir().unwrap();
    assert!(!works(home.path()).await, "there is none yet");
    let kept = files(&home.path().join("bytecode"), ".qjsc");
    assert_eq!(kept.len(), 1);
    assert_eq!(mode(&kept[0]), 0o600);
    assert!(works(home.path()).await);
    let (result, module) = compiled(home.path(), "export function Main() { return 4 }").await;
    assert!(result == json!(4) && module.compile_cpu_us() > 0, "another source is another key");
    assert_eq!(files(&home.path().join("bytecode"), ".draft").len(), 0);
}

#[tokio::test]
async fn bytecode_that_we_did_not_write_for_this_source_is_compiled_again() {
    let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    works(home.path()).await;
    let path = files(&home.path().join("bytecode"), ".qjsc").remove(0);
    let good = fs::read(&path).unwrap();
    let refused = |what: &'static str| {
        let folder = home.path();
        async move {
            assert!(!works(folder).await, "{what}");
            assert!(works(folder).await, "{what}: a good file has taken its place");
        }
    };
    let mut damaged = good.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    replace(&path, &damaged);
    refused("damaged").await;
    replace(&path, &good[..good.len() - 10]);
    refused("truncated").await;
    replace(&path, b"");
    refused("empty").await;

    // Another installation's bytecode of the very same source.
    works(other.path()).await;
    let foreign = files(&other.path().join("bytecode"), ".qjsc").remove(0);
    assert_eq!(foreign.file_name(), path.file_name());
    replace(&path, &fs::read(&foreign).unwrap());
    refused("of another installation").await;

    // This installation's bytecode of another source.
    compiled(home.path(), "export function Main() { return 4 }").await;
    let of_other = files(&home.path().join("bytecode"), ".qjsc").into_iter().find(|it| *it != path).unwrap();
    replace(&path, &fs::read(of_other).unwrap());
    refused("of another source").await;

    fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
    refused("others may write it").await;
    let elsewhere = home.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    refused("a link").await;
    // Only a privileged user can give files away.
    if std::os::unix::fs::chown(&path, Some(12_345), None).is_ok() {
        refused("of another owner").await;
    }
}

#[tokio::test]
async fn without_a_trustworthy_secret_nothing_is_kept() {
    let home = tempfile::tempdir().unwrap();
    works(home.path()).await;
    let secret = home.path().join("secret");
    fs::set_permissions(&secret, PermissionsExt::from_mode(0o644)).unwrap();
    assert!(!works(home.path()).await, "others know the secret");
    fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
    assert!(works(home.path()).await);
    fs::write(&secret, b"short").unwrap();
    assert!(!works(home.path()).await);
    fs::remove_file(&secret).unwrap();
    assert!(!works(home.path()).await, "a new secret knows no old files");
    assert!(works(home.path()).await);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_only_costs_time() {
    let home = tempfile::tempdir().unwrap();
    let blocked = home.path().join("file");
    fs::write(&blocked, "in the way").unwrap();
    works(&blocked).await;
}
