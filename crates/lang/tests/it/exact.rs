//! What would make a run differ from its replay is kept out of the interpreter: floats, maps without order, clocks,
//! chance of its own, regular expressions that backtrack.

use std::fs;
use std::path::{Path, PathBuf};

/// Words that do not belong there.
const FORBIDDEN: &[&str] =
    &["f32", "f64", "HashMap", "HashSet", "SystemTime", "Instant", "rand::", "thread_rng", "fancy_regex"];

/// File, word, and why it may stand there.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("machine/wire.rs", "f64", "two options of a command; no value of a run"),
    ("machine/options.rs", "f64", "the same options, from exact numbers"),
];

fn sources() -> Vec<PathBuf> {
    let twf = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/twf");
    let mut files: Vec<PathBuf> =
        ["heap.rs", "value.rs", "moment.rs", "boundary.rs", "family.rs", "failure.rs", "fault.rs"]
            .iter()
            .map(|name| twf.join(name))
            .collect();
    for part in ["machine", "eval", "builtin"] {
        files.push(twf.join(format!("{part}.rs")));
        let mut folders = vec![twf.join(part)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.ends_with("tests") {
                    folders.push(path);
                } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("tests.rs") {
                    files.push(path);
                }
            }
        }
    }
    files.sort();
    files
}

/// Whether a word stands in a line as a whole.
fn has_word(line: &str, word: &str) -> bool {
    let is_name = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !is_name(before) && (word.ends_with(':') || !is_name(after))
    })
}

#[test]
fn nothing_inexact_is_in_the_interpreter() {
    let files = sources();
    assert!(files.len() > 35, "only {} files", files.len());
    let mut found = Vec::new();
    let mut used = vec![false; EXCEPTIONS.len()];
    for path in &files {
        let name = path.to_string_lossy().replace('\\', "/");
        let text = fs::read_to_string(path).unwrap();
        for (at, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap();
            for word in FORBIDDEN.iter().filter(|word| has_word(code, word)) {
                let allowed = EXCEPTIONS.iter().position(|(file, it, _)| name.ends_with(file) && it == word);
                match allowed {
                    Some(exception) => used[exception] = true,
                    None => found.push(format!("{name}:{}: {word}", at + 1)),
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    assert!(used.iter().all(|used| *used), "an exception that nothing needs: {used:?}");
}
