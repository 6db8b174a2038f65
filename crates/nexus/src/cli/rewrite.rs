//! Commands that change `.twf` files: which files, what the change is, and how it reaches the disk.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_lang::text::diagnostic::Diagnostic;
use nexus_lang::text::render;
use nexus_lang::text::source::Sources;
use similar::{ChangeTag, TextDiff};

use crate::output::Output;
use crate::project;

/// The name of standard input among the paths of a command.
pub const STDIN: &str = "-";

const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const BLUE: &str = "\u{1b}[36m";
const RESET: &str = "\u{1b}[0m";

/// A file that may be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// The `.twf` files of these paths: files as they are given; of a project its workflows, of any other folder all that
/// are under it.
pub fn files(paths: &[PathBuf]) -> Result<Vec<TextFile>, Error> {
    let mut all = Vec::new();
    for path in paths {
        let found = if path.is_file() { vec![path.clone()] } else { project::workflow_files(path)? };
        for path in found {
            let text = project::read(&path)?;
            all.push(TextFile { path, text });
        }
    }
    all.sort_by(|left, right| left.path.cmp(&right.path));
    all.dedup_by(|left, right| left.path == right.path);
    Ok(all)
}

/// What stands on standard input.
pub fn stdin() -> Result<String, Error> {
    let mut text = String::new();
    let most = project::SOURCE_BYTES_MAX + 1;
    let read = std::io::stdin().lock().take(most).read_to_string(&mut text);
    read.map_err(|error| {
        Error::new(&code::PROJECT_INVALID, format!("standard input cannot be read: {error}"))
            .help("give a text in UTF-8")
    })?;
    if text.len() as u64 >= most {
        let message = format!("standard input is larger than {} bytes", project::SOURCE_BYTES_MAX);
        return Err(Error::new(&code::PROJECT_INVALID, message).help("split the file"));
    }
    Ok(text)
}

/// Replaces a file in one step: whoever reads it meanwhile, or after a crash, finds the old text or the new one.
/// Its permissions stay; a symbolic link stays one, its target changes.
pub fn write(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |error: std::io::Error| {
        Error::new(&code::FILE_UNWRITABLE, format!("{} cannot be written: {error}", path.display()))
            .help("check the permissions of the file and its folder")
    };
    let target = path.canonicalize().map_err(failed)?;
    let permissions = fs::metadata(&target).map_err(failed)?.permissions();
    if permissions.readonly() {
        return Err(failed(std::io::Error::from(std::io::ErrorKind::PermissionDenied)));
    }
    let folder = target.parent().unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().set_permissions(permissions).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(&target).map_err(|error| failed(error.error))?;
    Ok(())
}

/// The change of a file as a unified diff, without a final newline.
pub fn diff(path: &Path, old: &str, new: &str, color: bool) -> String {
    let diff = TextDiff::from_lines(old, new);
    let paint = |code: &str, text: &str| if color { format!("{code}{text}{RESET}") } else { text.to_owned() };
    let name = path.display();
    let mut lines = vec![paint(RED, &format!("--- a/{name}")), paint(GREEN, &format!("+++ b/{name}"))];
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        lines.push(paint(BLUE, &hunk.header().to_string()));
        for change in hunk.iter_changes() {
            let text = change.value().trim_end_matches(['\n', '\r']);
            lines.push(match change.tag() {
                ChangeTag::Delete => paint(RED, &format!("-{text}")),
                ChangeTag::Insert => paint(GREEN, &format!("+{text}")),
                ChangeTag::Equal => format!(" {text}"),
            });
            if change.missing_newline() {
                lines.push("\\ No newline at end of file".to_owned());
            }
        }
    }
    lines.join("\n")
}

/// Shows why a file was left alone.
pub fn refuse(path: &Path, text: &str, errors: &[Diagnostic], output: Output) {
    let mut sources = Sources::new();
    sources.add(&path.display().to_string(), text);
    for error in errors {
        output.note(&render::terminal(error, &sources, output.has_color()));
    }
}

/// What a command does with the changes it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Writes them.
    Write,
    /// Lists the files and fails when there are any.
    Check,
    /// Shows them.
    Diff,
    /// Shows them and fails when there are any.
    CheckDiff,
}

impl Mode {
    /// The mode of the flags `--check` and `--diff`.
    pub fn of(check: bool, diff: bool) -> Mode {
        match (check, diff) {
            (false, false) => Mode::Write,
            (true, false) => Mode::Check,
            (false, true) => Mode::Diff,
            (true, true) => Mode::CheckDiff,
        }
    }

    /// Carries out the change of one file; a file that stays as it is is never touched.
    pub fn carry_out(self, file: &TextFile, new: &str, done: &str, output: Output) -> Result<bool, Error> {
        if file.text == new {
            return Ok(false);
        }
        match self {
            Mode::Write => {
                write(&file.path, new)?;
                output.text(&format!("{done} {}", file.path.display()));
            }
            Mode::Check => output.text(&file.path.display().to_string()),
            Mode::Diff | Mode::CheckDiff => {
                output.text(&diff(&file.path, &file.text, new, output.has_color_on_stdout()));
            }
        }
        Ok(true)
    }

    /// The end of a command: an error when files could not be read, or would change although they should not.
    pub fn conclude(self, changed: usize, refused: usize, command: &str) -> Result<(), Error> {
        if refused > 0 {
            let plural = if refused == 1 { "" } else { "s" };
            return Err(Error::new(
                &code::PROJECT_INVALID,
                format!("{refused} file{plural} with errors left alone"),
            )
            .help("mend the lines above"));
        }
        if changed > 0 && matches!(self, Mode::Check | Mode::CheckDiff) {
            let (plural, verb) = if changed == 1 { ("", "it") } else { ("s", "them") };
            return Err(Error::new(&code::FILES_DIFFER, format!("{changed} file{plural} would change"))
                .help(format!("`{command}` changes {verb}")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_has_the_lines_around_a_change() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let new = old.replace("5\n", "five\n");
        let shown = diff(Path::new("x.twf"), old, &new, false);
        assert_eq!(shown, "--- a/x.twf\n+++ b/x.twf\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8");
        assert!(diff(Path::new("x"), "a\n", "b\n", true).contains("\u{1b}[32m+b\u{1b}[0m"));
        assert!(diff(Path::new("x"), "a", "a\n", false).contains("No newline"));
    }

    #[test]
    fn writing_keeps_permissions_and_leaves_nothing_behind() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.twf");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link.twf");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write(&link, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
        assert_eq!(write(&path, "newer").unwrap_err().code().id, "NX-1007");
    }
}
