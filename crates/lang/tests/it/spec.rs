//! The chapters under `specs/twf`: every block is parsed and checked, and reported for exactly what its
//! remarks say.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use nexus_lang::text::diagnostic::{Diagnostic, Severity};
use nexus_lang::text::render::concise;
use nexus_lang::text::source::Sources;
use nexus_lang::twf::check::{CheckOptions, diagnose};
use nexus_lang::twf::dump;
use nexus_lang::twf::parser::{Parsed, parse};

/// A fenced block of a chapter.
pub(crate) struct Fence {
    /// `chapter.md:line`.
    pub(crate) place: String,
    /// Words after `twf`.
    marks: Vec<String>,
    pub(crate) text: String,
}

pub(crate) fn fences() -> Vec<Fence> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs/twf");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "md"));
    paths.sort();
    paths.iter().flat_map(|path| fences_of(path)).collect()
}

pub(crate) fn fences_of(path: &Path) -> Vec<Fence> {
    let name = path.file_name().unwrap().to_string_lossy().to_string();
    let text = fs::read_to_string(path).unwrap();
    let mut all = Vec::new();
    let mut open: Option<Fence> = None;
    for (at, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                let marks = info.split_whitespace().map(str::to_string).collect();
                open = Some(Fence { place: format!("{name}:{}", at + 1), marks, text: String::new() });
            }
            (Some(_), Some("")) => all.extend(open.take()),
            (Some(fence), _) => fence.text = format!("{}{line}\n", fence.text),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{name}: a block is not closed");
    all.retain(|fence| fence.marks.first().is_some_and(|it| it == "twf"));
    all
}

impl Fence {
    pub(crate) fn is(&self, mark: &str) -> bool {
        self.marks.iter().any(|it| it == mark)
    }

    /// The files of the block: one, or those that `# file: path` lines begin.
    pub(crate) fn files(&self) -> Vec<(String, String)> {
        let mut files: Vec<(String, String)> = Vec::new();
        for line in self.text.lines() {
            if let Some(path) = line.strip_prefix("# file: ") {
                files.push((path.to_string(), String::new()));
                continue;
            }
            if files.is_empty() {
                files.push(("block.twf".to_string(), String::new()));
            }
            let (_, text) = files.last_mut().unwrap();
            text.push_str(line);
            text.push('\n');
        }
        files
    }
}

/// What the remarks of a file expect: `path:line severity CODE`.
fn expected(path: &str, text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let Some((_, remark)) = line.rsplit_once('#') else { continue };
        for item in remark.split(',') {
            if let Some((severity, code)) = item.trim().split_once(": ")
                && ["error", "warning", "info"].contains(&severity)
            {
                all.push(format!("{path}:{} {severity} {code}", at + 1));
            }
        }
    }
    all.sort();
    all
}

/// What a block is reported for, parser and checks together.
fn reported(fence: &Fence) -> (Vec<Diagnostic>, Sources) {
    let mut sources = Sources::new();
    let parsed: Vec<(_, Parsed)> = fence
        .files()
        .iter()
        .map(|(path, text)| {
            let source = sources.add(path, text);
            (source, parse(source, text))
        })
        .collect();
    let all =
        diagnose(&parsed, &sources, CheckOptions { lenient: fence.is("lenient"), ..CheckOptions::default() });
    (all, sources)
}

#[test]
fn every_block_is_reported_for_what_it_says() {
    let mut failures = Vec::new();
    for fence in fences() {
        let (all, sources) = reported(&fence);
        let expected: Vec<String> =
            fence.files().iter().flat_map(|(path, text)| expected(path, text)).collect();
        let wants_info = expected.iter().any(|it| it.contains(" info "));
        let is_loose = fence.is("lenient") || fence.is("old") || fence.is("new");
        let matters = |it: &&Diagnostic| match it.severity {
            Severity::Error => {
                !(fence.is("old") || fence.is("new")) || matches!(it.code, "LEX" | "SYNTAX" | "RAW_STATEMENT")
            }
            Severity::Warning => !is_loose,
            Severity::Info => wants_info,
        };
        let line = |it: &Diagnostic| {
            let at = sources.locate(it.span.unwrap());
            format!("{}:{} {} {}", at.path, at.line, it.severity, it.code)
        };
        let mut found: Vec<String> = all.iter().filter(matters).map(line).collect();
        found.sort();
        let mut sorted = expected.clone();
        sorted.sort();
        if found != sorted {
            let shown: Vec<String> = all.iter().filter(matters).map(|it| concise(it, &sources)).collect();
            failures.push(format!("{}\n  expected {sorted:#?}\n  found {shown:#?}", fence.place));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn older_spellings_have_the_tree_of_their_twins() {
    let all = fences();
    let tree = |fence: &Fence| {
        let (path, text) = fence.files().remove(0);
        let mut sources = Sources::new();
        dump::unit(&parse(sources.add(&path, &text), &text).unit)
    };
    let mut pairs = 0;
    for pair in all.windows(2).filter(|pair| pair[0].is("old")) {
        assert!(pair[1].is("new"), "{}: no twin follows", pair[0].place);
        assert_eq!(tree(&pair[0]), tree(&pair[1]), "{}", pair[0].place);
        pairs += 1;
    }
    assert!(pairs >= 12, "only {pairs} pairs");
}

#[test]
fn every_older_spelling_is_reported_with_its_replacement() {
    for fence in fences().iter().filter(|fence| fence.is("old")) {
        let (all, _) = reported(fence);
        let legacy: Vec<_> = all.iter().filter(|it| it.code == "LEGACY_SYNTAX").collect();
        assert!(!legacy.is_empty(), "{}", fence.place);
        for it in legacy {
            assert!(it.help.is_some() && it.severity == Severity::Info, "{}: {it:?}", fence.place);
        }
    }
}

/// How the chapters on the grammar are read, for review: one snapshot a chapter.
#[test]
fn chapters_have_these_trees() {
    let mut chapters: Vec<(String, String)> = Vec::new();
    for fence in fences().iter().filter(|fence| !fence.is("old")) {
        let (chapter, line) = fence.place.split_once(".md:").unwrap();
        if chapters.last().is_none_or(|(name, _)| name != chapter) {
            chapters.push((chapter.to_string(), String::new()));
        }
        let trees = fence.files().into_iter().map(|(path, text)| {
            let mut sources = Sources::new();
            dump::unit(&parse(sources.add(&path, &text), &text).unit)
        });
        let (_, shown) = chapters.last_mut().unwrap();
        shown.extend(["-- line ", line, "\n", &trees.collect::<String>(), "\n"]);
    }
    for (chapter, shown) in chapters {
        insta::assert_snapshot!(chapter, shown);
    }
}

#[test]
fn the_chapters_cover_the_grammar() {
    let all = fences();
    assert!(all.len() > 60, "only {} blocks", all.len());
    let codes: BTreeSet<String> = all
        .iter()
        .flat_map(Fence::files)
        .flat_map(|(path, text)| expected(&path, &text))
        .filter_map(|it| it.rsplit(' ').next().map(str::to_string))
        .collect();
    assert!(codes.len() > 45, "only {} codes: {codes:?}", codes.len());
}
