//! `nexus check --fix`: the changes that diagnostics offer, made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nexus_kernel::error::Error;
use nexus_lang::text::diagnostic::{Diagnostic, Fix, Severity};
use nexus_lang::text::edit::{ROUNDS_MAX, apply};
use nexus_lang::text::source::SourceId;

use crate::cli::rewrite::{Mode, TextFile};
use crate::output::Output;
use crate::project::Project;

/// Makes the changes that are sure, in files or, with `--diff`, for show only. Guesses are left to people.
pub(super) fn fix(
    path: &Path,
    project: &mut Project,
    (lenient, info): (bool, bool),
    mode: Mode,
    output: Output,
) -> Result<(), Error> {
    let old: Vec<TextFile> = project
        .workflows
        .iter()
        .map(|file| TextFile { path: on_disk(path, &file.path), text: file.text.clone() })
        .collect();
    let titles = settle(project, lenient, info);
    for (file, new) in old.iter().zip(&project.workflows) {
        mode.carry_out(file, &new.text, "fixed", output)?;
    }
    for (title, times) in titles {
        output.note(&format!("  {times} × {title}"));
    }
    Ok(())
}

/// Where a file of a project is: a single file is a project with its own path as its name.
fn on_disk(path: &Path, file: &str) -> PathBuf {
    if path.is_file() { path.to_owned() } else { path.join(file) }
}

/// Fixes the texts of a project until nothing is left to fix, and says what was done how often.
fn settle(project: &mut Project, lenient: bool, info: bool) -> BTreeMap<String, usize> {
    let mut titles = BTreeMap::new();
    for _ in 0..ROUNDS_MAX {
        let mut found = project.compile(lenient).2;
        // What is not shown changes nothing, except that an older spelling and its twin are one.
        found.retain(|it| info || it.severity != Severity::Info || it.code == "LEGACY_SYNTAX");
        let mut changed = false;
        for (at, file) in (0..).zip(&mut project.workflows) {
            let edited = apply(&file.text, sure_fixes(&found, SourceId(at)));
            changed |= edited.text != file.text;
            file.text = edited.text;
            for title in edited.applied {
                *titles.entry(title).or_default() += 1;
            }
        }
        if !changed {
            break;
        }
    }
    titles
}

fn sure_fixes(found: &[Diagnostic], source: SourceId) -> impl Iterator<Item = &Fix> {
    let fixes = found.iter().filter_map(|it| it.fix.as_ref());
    fixes.filter(move |fix| !fix.is_guess && fix.edits.iter().all(|edit| edit.span.source == source))
}
