//! Coverage: which lines and branches of the workflows all scenarios together have reached.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::Definition;
use nexus_kernel::Json;
use nexus_lang::twf::coverage::PointKind;
use nexus_lang::twf::machine::Trace;
use serde_json::json;

/// Coverage of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Its files, in the order of the project.
    pub files: Vec<FileCoverage>,
}

/// Coverage of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileCoverage {
    /// Its path.
    pub path: String,
    /// How often each line with a statement ran.
    pub lines: BTreeMap<u32, u32>,
    /// Its branches, in source order.
    pub branches: Vec<Branch>,
    /// Its workflows: name, header line, whether any of it ran.
    pub workflows: Vec<(String, u32, bool)>,
}

/// A way that a statement can go on, or a block that something has to bring about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its statement's line.
    pub line: u32,
    /// What people call it.
    pub what: String,
    /// Whether it was taken.
    pub is_taken: bool,
}

/// Reached and all.
pub type Share = (usize, usize);

impl FileCoverage {
    /// Lines reached, and lines with a statement.
    pub fn line_share(&self) -> Share {
        (self.lines.values().filter(|hits| **hits > 0).count(), self.lines.len())
    }

    /// Branches taken, and branches.
    pub fn branch_share(&self) -> Share {
        (self.branches.iter().filter(|branch| branch.is_taken).count(), self.branches.len())
    }

    /// Lines that no scenario reached, neighbours together: `12-14, 20`.
    pub fn missed_lines(&self) -> String {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        let mut was_missed = false;
        for (line, hits) in &self.lines {
            match ranges.last_mut() {
                Some(range) if was_missed && *hits == 0 => range.1 = *line,
                _ if *hits == 0 => ranges.push((*line, *line)),
                _ => {}
            }
            was_missed = *hits == 0;
        }
        let told = ranges
            .iter()
            .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") });
        told.collect::<Vec<_>>().join(", ")
    }

    /// Branches that no scenario took.
    pub fn missed_branches(&self) -> impl Iterator<Item = &Branch> {
        self.branches.iter().filter(|branch| !branch.is_taken)
    }
}

/// What the traces of a definition's workflows add up to.
pub fn coverage(definition: &Definition, traces: &BTreeMap<String, Trace>) -> Coverage {
    let mut files: BTreeMap<u32, FileCoverage> = BTreeMap::new();
    let nothing = Trace::default();
    for name in definition.program.runnable_names() {
        let Some(workflow) = definition.program.workflow(name) else { continue };
        let points = definition.program.coverage(name, traces.get(name).unwrap_or(&nothing));
        if points.is_empty() {
            continue;
        }
        let place = definition.sources.locate(workflow.span);
        let file = files.entry(workflow.span.source.0).or_default();
        file.path.clone_from(&place.path);
        let ran = points.iter().any(|point| point.hits > 0);
        file.workflows.push((name.to_owned(), place.line, ran));
        for point in points {
            let line = definition.sources.locate(point.span).line;
            if point.kind == PointKind::Statement {
                let hits = file.lines.entry(line).or_default();
                *hits = (*hits).max(point.hits);
            } else {
                file.branches.push(Branch { line, what: point.what, is_taken: point.hits > 0 });
            }
        }
    }
    let mut coverage = Coverage { files: files.into_values().collect() };
    for file in &mut coverage.files {
        file.branches.sort_by_key(|branch| branch.line);
    }
    coverage
}

impl Coverage {
    /// Lines reached and lines, branches taken and branches, of all files.
    pub fn total(&self) -> (Share, Share) {
        let add = |sum: Share, share: Share| (sum.0 + share.0, sum.1 + share.1);
        let lines = self.files.iter().map(FileCoverage::line_share).fold((0, 0), add);
        (lines, self.files.iter().map(FileCoverage::branch_share).fold((0, 0), add))
    }

    /// For programs.
    pub fn to_json(&self) -> Json {
        let files = self.files.iter().map(|file| {
            let lines = file.lines.iter().map(|(line, hits)| json!({ "line": line, "hits": hits }));
            let branches = file.branches.iter().map(
                |branch| json!({ "line": branch.line, "branch": branch.what, "taken": branch.is_taken }),
            );
            json!({
                "path": file.path,
                "lines": share_json(file.line_share()),
                "branches": share_json(file.branch_share()),
                "line_hits": lines.collect::<Json>(),
                "branch_hits": branches.collect::<Json>(),
            })
        });
        let (lines, branches) = self.total();
        json!({
            "lines": share_json(lines),
            "branches": share_json(branches),
            "files": files.collect::<Json>(),
        })
    }

    /// In the tracefile format of lcov, which editors and services read.
    pub fn to_lcov(&self) -> String {
        let mut text = String::new();
        for file in &self.files {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "TN:\nSF:{}", file.path);
            for (name, line, ran) in &file.workflows {
                let _ = writeln!(text, "FN:{line},{name}\nFNDA:{},{name}", u8::from(*ran));
            }
            let ran = file.workflows.iter().filter(|(.., ran)| *ran).count();
            let _ = writeln!(text, "FNF:{}\nFNH:{ran}", file.workflows.len());
            for (at, branch) in file.branches.iter().enumerate() {
                let _ = writeln!(text, "BRDA:{},0,{at},{}", branch.line, u8::from(branch.is_taken));
            }
            let (taken, all) = file.branch_share();
            let _ = writeln!(text, "BRF:{all}\nBRH:{taken}");
            for (line, hits) in &file.lines {
                let _ = writeln!(text, "DA:{line},{hits}");
            }
            let (reached, all) = file.line_share();
            let _ = writeln!(text, "LF:{all}\nLH:{reached}\nend_of_record");
        }
        text
    }
}

fn share_json((reached, all): Share) -> Json {
    json!({ "reached": reached, "all": all })
}

/// A share in words: `12/14 (85.7 %)`; nothing to reach is all of it.
pub fn percent((reached, all): Share) -> String {
    let tenths = (reached * 1_000).checked_div(all).unwrap_or(1_000);
    format!("{reached}/{all} ({}.{} %)", tenths / 10, tenths % 10)
}
