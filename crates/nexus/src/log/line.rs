//! A line of the log: an event as text for people, or as JSON for programs. Whatever is in it, it is one line.

use std::fmt::{self, Write as _};

use nexus_kernel::Json;
use nexus_kernel::port::clock::{Clock as _, SystemClock};
use serde_json::Map;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::log::LogFormat;

/// How lines are written.
pub(super) struct Lines {
    pub(super) format: LogFormat,
    pub(super) has_color: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (time, metadata) = (SystemClock.now().to_string(), event.metadata());
        let head = Head { time, level: *metadata.level(), target: metadata.target() };
        out.write_str(&match self.format {
            LogFormat::Pretty => pretty(&head, &fields, self.has_color),
            LogFormat::Json => json(&head, fields),
        })
    }
}

/// What every line begins with.
struct Head<'a> {
    time: String,
    level: Level,
    target: &'a str,
}

/// What an event says.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, Said)>,
}

/// A value of a field.
enum Said {
    /// A value of JSON.
    Value(Json),
    /// A text as something shows itself.
    Shown(String),
}

impl Fields {
    fn add(&mut self, field: &Field, said: Said) {
        match (field.name(), said) {
            ("message", Said::Shown(text) | Said::Value(Json::String(text))) => self.message = text,
            (name, said) => self.others.push((name, said)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, Said::Shown(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, Said::Value(value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Said::Value(value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Said::Value(value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, Said::Value(value.into()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, Said::Value(value.into()));
    }
}

fn pretty(head: &Head<'_>, fields: &Fields, has_color: bool) -> String {
    let Head { time, level, target } = head;
    let mut line = if has_color {
        let color = match *level {
            Level::ERROR => 31,
            Level::WARN => 33,
            Level::INFO => 32,
            _ => 34,
        };
        format!("\u{1b}[2m{time}\u{1b}[0m \u{1b}[{color}m{level:>5}\u{1b}[0m \u{1b}[2m{target}:\u{1b}[0m ")
    } else {
        format!("{time} {level:>5} {target}: ")
    };
    push_clean(&mut line, &fields.message);
    for (name, said) in &fields.others {
        let _ = write!(line, " {name}="); // a string takes everything
        match said {
            Said::Value(Json::String(text)) => {
                line.push('"');
                text.chars().for_each(|char| match char {
                    '"' | '\\' => line.extend(['\\', char]),
                    other => push_char(&mut line, other),
                });
                line.push('"');
            }
            Said::Value(other) => push_clean(&mut line, &other.to_string()),
            Said::Shown(text) => push_clean(&mut line, text),
        }
    }
    line.push('\n');
    line
}

fn push_clean(line: &mut String, text: &str) {
    text.chars().for_each(|char| push_char(line, char));
}

/// Characters that end lines or command terminals are spelled out.
fn push_char(line: &mut String, char: char) {
    if char.is_control()
        || matches!(char, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    {
        line.extend(char.escape_default());
    } else {
        line.push(char);
    }
}

/// JSON spells control characters out by itself; the two separators of lines that it does not are spelled out as well.
fn json(head: &Head<'_>, fields: Fields) -> String {
    let mut line = Map::new();
    line.insert("time".into(), head.time.clone().into());
    line.insert("level".into(), head.level.as_str().to_ascii_lowercase().into());
    line.insert("target".into(), head.target.into());
    line.insert("message".into(), fields.message.into());
    for (name, said) in fields.others {
        let value = match said {
            Said::Value(value) => value,
            Said::Shown(text) => text.into(),
        };
        // A field does not take the place of what every line has.
        let name = if line.contains_key(name) { format!("{name}_") } else { name.to_owned() };
        line.insert(name, value);
    }
    let text = Json::Object(line).to_string();
    text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029").replace('\u{85}', "\\u0085") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head() -> Head<'static> {
        Head { time: "2026-11-22T06:24:02.5Z".to_owned(), level: Level::INFO, target: "nexus" }
    }

    fn fields(text: &str) -> Fields {
        let others = vec![
            ("operation", Said::Value(text.into())),
            ("error", Said::Shown(text.to_owned())),
            ("micros", Said::Value(7.into())),
            ("level", Said::Value("mine".into())),
        ];
        Fields { message: text.to_owned(), others }
    }

    #[test]
    fn a_line_is_text_or_an_object() {
        let pretty = pretty(&head(), &fields("a\"b\n"), false);
        assert_eq!(
            pretty,
            "2026-11-22T06:24:02.5Z  INFO nexus: a\"b\\n operation=\"a\\\"b\\n\" error=a\"b\\n micros=7 level=\"mine\"\n"
        );
        let json: Json = serde_json::from_str(&json(&head(), fields("x"))).unwrap();
        insta::assert_json_snapshot!(json, @r#"
        {
          "time": "2026-11-22T06:24:02.5Z",
          "level": "info",
          "target": "nexus",
          "message": "x",
          "operation": "x",
          "error": "x",
          "micros": 7,
          "level_": "mine"
        }
        "#);
    }

    proptest! {
        #[test]
        fn any_text_stays_on_its_line(text in "(\\PC|[\u{0}-\u{1f}\u{7f}-\u{9f}\u{2028}\u{2029}\u{202e}\u{1b}]){0,30}") {
            let pretty = pretty(&head(), &fields(&text), false);
            let is_plain = |char: char| !char.is_control() && !matches!(char, '\u{2028}' | '\u{2029}' | '\u{202e}');
            prop_assert!(pretty.strip_suffix('\n').unwrap().chars().all(is_plain));
            let line = json(&head(), fields(&text));
            prop_assert_eq!(line.lines().count(), 1);
            let is_clean = !line.contains(['\u{2028}', '\u{2029}', '\u{85}', '\u{1b}']);
            prop_assert!(is_clean);
            let read: Json = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(read["operation"].as_str(), Some(text.as_str()));
        }
    }
}
