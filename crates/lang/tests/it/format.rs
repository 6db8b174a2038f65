//! Layout: the same tree, every comment, nothing to do the second time.

use std::fs;
use std::path::{Path, PathBuf};

use nexus_lang::text::source::SourceId;
use nexus_lang::twf::dump;
use nexus_lang::twf::format::{WIDTH_MAX, format};
use nexus_lang::twf::lexer::lex;
use nexus_lang::twf::parser::parse;
use proptest::prelude::*;

use crate::robust::{damaged, soup, thread_cpu};
use crate::spec::fences;

fn tree(text: &str) -> String {
    dump::unit(&parse(SourceId(0), text).unit)
}

/// Comments in order, without the blank that the layout puts behind their sign.
fn comments(text: &str) -> Vec<String> {
    let sign = |text: &str| text.len() - text.trim_start_matches('#').len();
    let all = lex(SourceId(0), text).comments.into_iter().map(|it| {
        let text = &text[it.span.start as usize..it.span.end as usize];
        let (signs, rest) = text.split_at(sign(text));
        format!("{signs}{}", rest.strip_prefix(' ').unwrap_or(rest))
    });
    all.collect()
}

/// What the layout promises, for a text that it does not refuse; whether it was one.
fn keeps_its_promises(text: &str) -> bool {
    let Ok(once) = format(text) else { return false };
    assert_eq!(tree(&once), tree(text), "the tree has changed:\n{text:?}\n{once}");
    assert_eq!(comments(&once), comments(text), "comments have changed:\n{text:?}\n{once}");
    let twice = format(&once).unwrap_or_else(|errors| panic!("{text:?}\n{once}\n{errors:?}"));
    assert_eq!(twice, once, "the second time changes something:\n{text:?}");
    assert!(
        once.is_empty() || (once.ends_with('\n') && !once.ends_with("\n\n") && !once.starts_with('\n')),
        "{once:?}"
    );
    assert!(once.lines().all(|line| line.trim_end() == line || line.contains('#')), "{once:?}");
    true
}

/// The blocks of the chapters, the example, the first page and the template.
fn corpus() -> Vec<(String, String)> {
    let mut all: Vec<_> = fences().into_iter().map(|it| (it.place, it.text)).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for folder in ["examples", "crates/nexus/template"] {
        all.extend(files(&root.join(folder)));
    }
    all
}

fn files(folder: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            all.extend(files(&path));
        } else if path.extension().is_some_and(|it| it == "twf") {
            all.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
    all
}

#[test]
fn every_file_keeps_its_tree_and_its_comments() {
    let mut formatted = 0;
    for (_, text) in corpus() {
        formatted += usize::from(keeps_its_promises(&text));
    }
    assert!(formatted > 80, "only {formatted} files could be formatted");
}

/// However a file is laid out, it comes to look the same.
#[test]
fn the_authors_layout_does_not_matter() {
    for (place, text) in corpus() {
        let Ok(expected) = format(&text) else { continue };
        if text.contains('\t') {
            continue;
        }
        let blanks = |line: &str| line.len() - line.trim_start().len();
        let wide: String = text
            .lines()
            .flat_map(|line| [" ".repeat(blanks(line) * 2), line.to_string(), "\r\n".to_string()])
            .collect();
        assert_eq!(format(&wide).as_deref(), Ok(expected.as_str()), "{place}");
        let broken = expected
            .lines()
            .map(|line| if line.contains(['#', '"', '\'', '`']) { line.to_string() } else { spread(line) });
        let broken: String = broken.map(|line| line + "\n").collect();
        if tree(&broken) == tree(&expected) {
            assert_eq!(format(&broken).as_deref(), Ok(expected.as_str()), "{place}\n{broken}");
        }
    }
}

/// A line with its brackets broken after each opener and comma.
fn spread(line: &str) -> String {
    let indent = " ".repeat(line.len() - line.trim_start().len() + 9);
    let mut depth = 0_u32;
    let mut out = String::new();
    for c in line.chars() {
        depth = if matches!(c, ')' | ']' | '}') { depth.saturating_sub(1) } else { depth };
        out.push(c);
        if "([{".contains(c) {
            depth += 1;
        }
        if depth > 0 && "([{,".contains(c) && !line.contains("-{") && !line.contains("[]") {
            out.push('\n');
            out.push_str(&indent);
        }
    }
    out
}

#[test]
fn our_own_files_are_formatted() {
    for (place, text) in
        corpus().into_iter().filter(|(place, _)| !place.contains(".md:") && !place.contains("seed"))
    {
        assert_eq!(format(&text).as_deref(), Ok(text.as_str()), "{place}: `nexus fmt` mends this");
    }
}

#[test]
fn formatting_is_linear() {
    let long = format!("    x = f({})\n", "a, ".repeat(50));
    for unit in [
        "workflow W(a):\n    activity A(a) -> b  # c\n",
        "    x\n",
        "# c\n\n",
        "x = f(\n# c\n1)\n",
        long.as_str(),
    ] {
        let steps = |times: usize| {
            let text = std::format!("workflow V():\n    pass\n{}", unit.repeat(times));
            let started = thread_cpu();
            drop(format(&text));
            thread_cpu() - started
        };
        let small = steps(1_000).max(2_000_000);
        let large = steps(10_000);
        assert!(large < small * 60, "{unit:?}: {small} ns, then {large} ns");
    }
}

#[test]
fn no_line_is_wider_than_it_must_be() {
    let name = "abcdefghij".repeat(3);
    let text = std::format!(
        "workflow W():\n    x = f({})\n",
        vec![std::format!("g({name}, [{name}], {{k: {name}}})"); 8].join(",")
    );
    let once = format(&text).unwrap();
    assert!(once.lines().all(|line| line.len() <= WIDTH_MAX), "{once}");
    assert!(keeps_its_promises(&text));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_formatted_or_refused(text in "\\PC{0,200}") {
        keeps_its_promises(&text);
    }

    #[test]
    fn any_words_are_formatted_or_refused(text in soup()) {
        keeps_its_promises(&text);
    }

    #[test]
    fn any_words_inside_an_activity_are_formatted(text in soup()) {
        keeps_its_promises(&std::format!("activity A(a):\n    {text}\n    return a\n"));
    }

    #[test]
    fn any_words_inside_a_call_are_formatted(text in soup()) {
        keeps_its_promises(&std::format!("workflow W(a):\n    x = f(a, {text})\n    close complete\n"));
    }

    #[test]
    fn damaged_files_are_formatted_or_refused(text in damaged()) {
        keeps_its_promises(&text);
    }

    #[test]
    fn blocks_with_anything_between_their_lines(at in 0_usize..400, what in soup(), line in any::<prop::sample::Index>()) {
        let all = fences();
        let text = &all[at % all.len()].text;
        let lines: Vec<&str> = text.lines().collect();
        let cut = line.index(lines.len() + 1);
        keeps_its_promises(&std::format!("{}\n{what}\n{}\n", lines[..cut].join("\n"), lines[cut..].join("\n")));
    }
}
