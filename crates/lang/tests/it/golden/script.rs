//! Scripts of golden histories: what happens around a run.

use std::collections::BTreeMap;

use nexus_lang::twf::failure::Failure;
use nexus_lang::twf::machine::Event;
use nexus_lang::twf::moment::parse_duration;
use serde_json::Value as Json;

/// What becomes of a call, after which time.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) after_ms: i64,
    pub(super) end: End,
}

/// How a call ends.
#[derive(Debug, Clone)]
pub(super) enum End {
    Ok(Json),
    Fail(Failure),
    /// It could not be started.
    Refuse(Failure),
    Never,
}

/// A script.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) workflow: String,
    pub(super) namespace: Option<String>,
    pub(super) input: Json,
    /// Answers by name, taken in order; the last one is repeated.
    pub(super) answers: BTreeMap<String, Vec<Answer>>,
    /// Messages by time; the flag puts one behind what else happens at that moment.
    pub(super) messages: Vec<(i64, bool, Event)>,
    /// Queries by time.
    pub(super) queries: Vec<(i64, String, Json)>,
}

impl Script {
    /// Reads the `#:` lines of a file.
    pub(super) fn read(name: &str, text: &str) -> Script {
        let mut script =
            Script { workflow: "W".into(), input: Json::Object(serde_json::Map::new()), ..Script::default() };
        for line in text.lines().filter_map(|line| line.strip_prefix("#:")) {
            assert!(script.line(line.trim()).is_some(), "{name}: cannot read `{line}`");
        }
        script
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(' ')?;
        match word {
            "input" => self.input = serde_json::from_str(rest).ok()?,
            "lenient" | "file" => {}
            "namespace" => self.namespace = Some(rest.to_string()),
            "at" => self.message(rest)?,
            "call" => {
                let (name, answers) = rest.split_once(": ")?;
                let answers = answers.split(" ; ").map(answer).collect::<Option<_>>()?;
                self.answers.insert(name.to_string(), answers);
            }
            _ => return None,
        }
        Some(())
    }

    fn message(&mut self, text: &str) -> Option<()> {
        let (at, rest) = text.split_once(' ')?;
        let is_last = at.ends_with('+');
        let at = parse_duration(at.trim_end_matches('+')).ok()?;
        let words: Vec<&str> = rest.splitn(4, ' ').collect();
        let event = match words.as_slice() {
            ["cancel"] => Event::CancelRequested { reason: "script".into() },
            ["signal", name, rest @ ..] => Event::Signaled { name: (*name).into(), input: json(rest)? },
            ["update", id, name, rest @ ..] => {
                Event::Updated { id: (*id).into(), name: (*name).into(), input: json(rest)? }
            }
            ["query", name, rest @ ..] => {
                self.queries.push((at, (*name).into(), json(rest)?));
                return Some(());
            }
            _ => return None,
        };
        self.messages.push((at, is_last, event));
        Some(())
    }

    /// The answer to the call number `nth` of this name; by default it succeeds with null after a second.
    pub(super) fn answer(&self, name: &str, nth: usize) -> Answer {
        let answers = self.answers.get(name).map_or(&[][..], Vec::as_slice);
        let found = answers.get(nth).or_else(|| answers.last()).cloned();
        found.unwrap_or(Answer { after_ms: 1_000, end: End::Ok(Json::Null) })
    }
}

fn json(words: &[&str]) -> Option<Json> {
    match words {
        [] => Some(Json::Null),
        words => serde_json::from_str(&words.join(" ")).ok(),
    }
}

/// `ok JSON`, `fail Type message`, `final Type message`, `refuse Type message`, `canceled message`, `never`, each
/// perhaps with `after 5s` before it.
fn answer(text: &str) -> Option<Answer> {
    if let Some(rest) = text.strip_prefix("after ") {
        let (time, rest) = rest.split_once(' ')?;
        return Some(Answer { after_ms: parse_duration(time).ok()?, ..answer(rest)? });
    }
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let failure = || {
        let (name, message) = rest.split_once(' ').unwrap_or((rest, ""));
        Failure::application(name, message)
    };
    let end = match word {
        "ok" => End::Ok(serde_json::from_str(rest).ok()?),
        "fail" => End::Fail(failure()),
        "final" => End::Fail(Failure { non_retryable: true, ..failure() }),
        "timeout" => End::Fail(Failure::new("timeout", "StartToClose", rest)),
        "canceled" => End::Fail(Failure::canceled(rest)),
        "server" => {
            let Failure { type_name, message, .. } = failure();
            End::Fail(Failure::new("server", &type_name, message))
        }
        "refuse" => End::Refuse(failure()),
        "never" => End::Never,
        _ => return None,
    };
    Some(Answer { after_ms: 1_000, end })
}
