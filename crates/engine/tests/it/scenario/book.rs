//! The language book: every block is a program without errors, and every scenario under one runs as it says.

use std::fs;
use std::path::{Path, PathBuf};

use nexus_engine::scenario::{Options, Report, TextError, run_files};

/// A block of code of a page.
struct Block {
    /// `chapter.md:line`.
    place: String,
    /// What stands behind the fence.
    info: String,
    text: String,
}

fn pages() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/twf");
    let mut pages: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.retain(|page| page.extension().is_some_and(|kind| kind == "md"));
    pages.sort();
    pages
}

fn blocks(page: &Path) -> Vec<Block> {
    let name = page.file_name().unwrap().to_string_lossy().to_string();
    let mut all = Vec::new();
    let mut open: Option<Block> = None;
    for (at, line) in fs::read_to_string(page).unwrap().lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                let place = format!("{name}:{}", at + 1);
                open = Some(Block { place, info: info.trim().to_owned(), text: String::new() });
            }
            (Some(_), Some("")) => all.extend(open.take()),
            (Some(block), _) => block.text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    all
}

/// The files of a block: one, or those that `# file: path` lines begin.
fn files(block: &Block) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for line in block.text.lines() {
        match line.strip_prefix("# file: ") {
            Some(path) => files.push((path.to_owned(), String::new())),
            None if files.is_empty() => files.push((block.place.clone(), format!("{line}\n"))),
            None => files.last_mut().unwrap().1.extend([line, "\n"]),
        }
    }
    files
}

fn told(report: &Report) -> impl Iterator<Item = String> + '_ {
    report
        .findings
        .iter()
        .map(|finding| format!("{}: {}\n  {}", finding.at, finding.message, finding.details.join("\n  ")))
}

/// What is wrong with a page.
fn findings(page: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut program: Vec<(String, String)> = Vec::new();
    for block in blocks(page) {
        let scenario = match block.info.as_str() {
            "twf" => {
                program = files(&block);
                // A program without a scenario is compiled all the same.
                String::new()
            }
            "yaml scenario" => block.text,
            _ => continue,
        };
        match run_files(&program, (&block.place, &scenario), &Options::default()) {
            Ok(reports) => wrong.extend(reports.iter().flat_map(told)),
            Err(TextError::Scenario(_)) if scenario.is_empty() => {}
            Err(error) => wrong.push(format!("{}: {error}", block.place)),
        }
    }
    wrong
}

#[test]
fn every_program_of_the_book_does_what_it_says() {
    let wrong: Vec<String> = pages().iter().flat_map(|page| findings(page)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn nearly_every_program_of_the_book_is_run() {
    let all: Vec<Block> = pages().iter().flat_map(|page| blocks(page)).collect();
    let count = |info: &str| all.iter().filter(|block| block.info == info).count();
    assert!(
        count("yaml scenario") >= count("twf"),
        "{} programs, {} scenarios",
        count("twf"),
        count("yaml scenario")
    );
}
