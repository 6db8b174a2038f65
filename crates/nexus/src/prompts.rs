//! Prompts: `prompts/*.md`, texts with places to fill that people give to an agent.
//!
//! A file begins with what is told of it, in YAML between two lines `---`; the rest is the text, with `{{argument}}`
//! wherever an argument goes.

use std::collections::BTreeSet;

use nexus_gateway::{McpArgument, McpPrompt, Values};
use nexus_lang::text::diagnostic::Severity;
use nexus_sandbox::source::Place;
use serde::Deserialize;

use crate::activities::lints::Finding;
use crate::project::SourceFile;

/// The line around what is told of a prompt.
const FENCE: &str = "---";

/// The rule that a prompt breaks when it cannot be used.
const RULE: &str = "PROMPT";

/// What is told of a prompt.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Front {
    title: Option<String>,
    description: Option<String>,
    arguments: Vec<FrontArgument>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontArgument {
    name: String,
    description: Option<String>,
    #[serde(default)]
    required: bool,
    values: Option<FrontValues>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum FrontValues {
    These(Vec<String>),
    Named(String),
}

/// The prompts of a project, and what is wrong with them.
pub fn read(files: &[SourceFile]) -> (Vec<McpPrompt>, Vec<Finding>) {
    let (mut prompts, mut findings) = (Vec::new(), Vec::new());
    for file in files {
        match prompt(file) {
            Ok(prompt) => prompts.push(prompt),
            Err(found) => findings.extend(found),
        }
    }
    (prompts, findings)
}

fn prompt(file: &SourceFile) -> Result<McpPrompt, Vec<Finding>> {
    let refuse = |fault: Fault| vec![fault.at(&file.path)];
    let (front, body, body_line) = split(&file.text).map_err(refuse)?;
    let front: Front = if front.trim().is_empty() {
        Front::default()
    } else {
        serde_saphyr::from_str(front).map_err(|error| refuse(unreadable(&error)))?
    };
    let arguments =
        front.arguments.into_iter().map(argument).collect::<Result<Vec<_>, _>>().map_err(refuse)?;
    let prompt = McpPrompt {
        name: name_of(&file.path),
        title: front.title,
        description: front.description,
        arguments,
        body: body.to_owned(),
    };
    let faults = faults(&prompt, body_line);
    if faults.is_empty() {
        Ok(prompt)
    } else {
        Err(faults.into_iter().map(|fault| fault.at(&file.path)).collect())
    }
}

/// Something wrong at a place of a file.
struct Fault {
    line: usize,
    column: usize,
    message: String,
    help: String,
}

impl Fault {
    fn new(line: usize, message: impl Into<String>, help: impl Into<String>) -> Fault {
        Fault { line, column: 1, message: message.into(), help: help.into() }
    }

    fn at(self, file: &str) -> Finding {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let place = Place { file: file.to_owned(), line: number(self.line), column: number(self.column) };
        Finding { code: RULE, severity: Severity::Error, place, message: self.message, help: self.help }
    }
}

/// `prompts/review/order.md` is `review.order`.
fn name_of(path: &str) -> String {
    let bare = path.strip_prefix("prompts/").unwrap_or(path);
    bare.strip_suffix(".md").unwrap_or(bare).replace('/', ".")
}

/// What is told of a prompt, its text, and the line that the text begins in.
fn split(text: &str) -> Result<(&str, &str, usize), Fault> {
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or("");
    if first.trim_end() != FENCE {
        return Ok(("", text, 1));
    }
    let mut at = first.len();
    for (number, line) in (2..).zip(lines) {
        if line.trim_end() == FENCE {
            let (front, rest) = (text.get(first.len()..at), text.get(at + line.len()..));
            return Ok((front.unwrap_or(""), rest.unwrap_or(""), number + 1));
        }
        at += line.len();
    }
    Err(Fault::new(1, "the head of the prompt does not end", "write a line `---` before the text"))
}

fn unreadable(error: &serde_saphyr::Error) -> Fault {
    let place = error.location().map_or((1, 1), |at| (at.line(), at.column()));
    let message = error.without_snippet().to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(before, _)| before);
    let (line, column) =
        (usize::try_from(place.0).unwrap_or(1) + 1, usize::try_from(place.1).unwrap_or(1).max(1));
    let help = "a prompt has `title`, `description` and `arguments`; an argument has `name`, `description`, \
                `required` and `values`";
    Fault {
        line,
        column,
        message: format!("the head of the prompt cannot be read: {message}"),
        help: help.to_owned(),
    }
}

fn argument(front: FrontArgument) -> Result<McpArgument, Fault> {
    let FrontArgument { name, description, required, values } = front;
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        let help = "a name is made of letters, digits and `_`";
        return Err(Fault::new(1, format!("{name:?} is no name of an argument"), help));
    }
    let values = match values {
        None => Values::None,
        Some(FrontValues::These(values)) => Values::These(values),
        Some(FrontValues::Named(word)) => match word.as_str() {
            "workflows" => Values::Workflows,
            "runs" => Values::Runs,
            _ => {
                let help = "give a list of values, or `workflows` or `runs`";
                return Err(Fault::new(1, format!("{word:?} names no values"), help));
            }
        },
    };
    Ok(McpArgument { name, description, required, values })
}

/// Names that the text and the head do not agree about.
fn faults(prompt: &McpPrompt, body_line: usize) -> Vec<Fault> {
    let mut known = BTreeSet::new();
    let twice = prompt.arguments.iter().filter(|argument| !known.insert(argument.name.as_str()));
    let help = "an argument is declared once";
    let mut faults: Vec<Fault> =
        twice.map(|twice| Fault::new(1, format!("two arguments are called {}", twice.name), help)).collect();
    for (at, name) in prompt.places() {
        if !known.contains(name) {
            let before = prompt.body.get(..at).unwrap_or("");
            let line = body_line + before.matches('\n').count();
            let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
            let near = nexus_kernel::suggest::nearest(name, known.iter().copied());
            let help = near.map_or_else(
                || format!("declare it in the head: arguments: [{{ name: {name} }}]"),
                |near| format!("did you mean {{{{{near}}}}}?"),
            );
            faults.push(Fault { line, column, message: format!("nothing is called {name}"), help });
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> SourceFile {
        SourceFile { path: "prompts/review/order.md".into(), text: text.into() }
    }

    const GOOD: &str = "---\ntitle: Review\narguments:\n  - name: order\n    required: true\n    values: runs\n\
                        \x20 - { name: tone, values: [mild, harsh] }\n---\nLook at {{order}}, {{ tone }}.\n";

    #[test]
    fn a_prompt_is_a_head_and_a_text() {
        let (prompts, findings) = read(&[file(GOOD)]);
        assert_eq!(findings, []);
        let prompt = &prompts[0];
        assert_eq!((prompt.name.as_str(), prompt.title.as_deref()), ("review.order", Some("Review")));
        assert_eq!(prompt.body, "Look at {{order}}, {{ tone }}.\n");
        assert_eq!(prompt.arguments[0].values, Values::Runs);
        assert!(prompt.arguments[0].required && !prompt.arguments[1].required);
        assert_eq!(prompt.arguments[1].values, Values::These(vec!["mild".into(), "harsh".into()]));
    }

    #[test]
    fn a_text_alone_is_a_prompt() {
        let (prompts, _) = read(&[file("Say hello.\n")]);
        assert_eq!(prompts[0].body, "Say hello.\n");
    }

    #[test]
    fn what_is_wrong_has_a_place_and_help() {
        for (text, line, column, message, help) in [
            ("---\ntitle: x\n", 1, 1, "the head of the prompt does not end", "write a line `---`"),
            ("---\ntitel: x\n---\n", 2, 1, "the head of the prompt cannot be read", "a prompt has `title`"),
            ("---\narguments:\n - name: a b\n---\n", 1, 1, "\"a b\" is no name of an argument", "a name is"),
            (
                "---\narguments: [{ name: order }]\n---\nx\n  {{odrer}}",
                5,
                3,
                "nothing is called odrer",
                "did you mean",
            ),
            (
                "---\narguments: [{ name: a, values: all }]\n---\n",
                1,
                1,
                "\"all\" names no values",
                "give a list",
            ),
            (
                "---\narguments: [{ name: a }, { name: a }]\n---\n",
                1,
                1,
                "two arguments are called a",
                "an argument",
            ),
        ] {
            let (_, findings) = read(&[file(text)]);
            let found = findings.first().unwrap_or_else(|| panic!("{text}"));
            assert!(found.message.starts_with(message) && found.help.starts_with(help), "{found:?}");
            assert_eq!((found.place.line, found.place.column), (line, column), "{text}: {found:?}");
        }
    }
}
