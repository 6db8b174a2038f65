//! `[activities.NAME]`: an activity that an HTTP service or a process carries out.

use std::collections::BTreeMap;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde::{Deserialize, Serialize};

use super::hidden::{Address, Hidden, REDACTED, is_printed};

/// Processes of one pool when nothing is said.
pub const PROCESSES_DEFAULT: usize = 4;
/// Most processes of one pool.
pub const PROCESSES_MAX: usize = 256;

/// One activity.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ActivityConfig {
    /// Who carries it out.
    pub binding: Binding,
    /// `http`: where the attempt is posted to.
    pub url: Option<Address>,
    /// `http`: headers to send; `${NAME}` stands for an environment variable.
    #[serde(default)]
    pub headers: BTreeMap<String, Hidden>,
    /// `process`: the program and its arguments.
    #[serde(default)]
    pub command: Vec<String>,
    /// `process`: the folder to run in, seen from the project's.
    pub directory: Option<String>,
    /// `process`: variables to add to its environment; `${NAME}` stands for one of the server's.
    #[serde(default)]
    pub environment: BTreeMap<String, Hidden>,
    /// `process`: whether processes live on or each attempt gets one of its own.
    pub mode: Option<Mode>,
    /// `process`: how many run at the same time.
    pub processes_max: Option<usize>,
    /// `process`: address space of one, in mebibytes.
    pub memory_mib_max: Option<u64>,
    /// Longest time of an attempt, in milliseconds, when that is less than its start-to-close timeout.
    pub timeout_ms: Option<u64>,
    /// Whether an answer only says that the attempt will be completed later, by its token.
    #[serde(default)]
    pub completes_async: bool,
}

/// Who carries an activity out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Binding {
    /// A service that attempts are posted to.
    Http,
    /// A program that speaks JSON on its standard input and output.
    Process,
}

/// How long a process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// As long as it can: one attempt after the other, one message a line.
    #[default]
    Pool,
    /// For one attempt: its input is all of standard input, its output all of standard output.
    Once,
}

impl ActivityConfig {
    /// Whether it makes sense, and its environment variables exist.
    pub fn check(&self, name: &str) -> Result<(), Error> {
        let wrong = |field: &str, why: String| {
            Error::new(&code::CONFIG_INVALID, format!("activities.{name}: {why}"))
                .fault(format!("nexus.toml: activities.{name}.{field}"), why)
                .help("docs/activities.md describes the bindings")
        };
        if let Some((field, why)) = self.misplaced().or_else(|| self.faulty()) {
            return Err(wrong(field, why));
        }
        if self.hidden().any(is_printed) {
            return Err(wrong(
                "binding",
                format!("it holds {REDACTED}, which stands for a secret: put that back"),
            ));
        }
        for (field, values) in [("headers", &self.headers), ("environment", &self.environment)] {
            for value in values.values() {
                expand(value.reveal())
                    .map_err(|missing| wrong(field, format!("there is no environment variable {missing}")))?;
            }
        }
        Ok(())
    }

    /// Whether its attempts need a secure connection.
    pub fn is_secure(&self) -> bool {
        let url = self.url.as_ref().and_then(|url| reqwest::Url::parse(url.reveal()).ok());
        url.is_some_and(|url| url.scheme() == "https")
    }

    /// The texts of it that are never shown.
    pub fn hidden(&self) -> impl Iterator<Item = &str> {
        let values = self.headers.values().chain(self.environment.values()).map(Hidden::reveal);
        values.chain(self.url.as_ref().map(Address::reveal))
    }

    /// A field of the other binding.
    fn misplaced(&self) -> Option<(&'static str, String)> {
        let http = [("url", self.url.is_some()), ("headers", !self.headers.is_empty())];
        let process = [
            ("command", !self.command.is_empty()),
            ("directory", self.directory.is_some()),
            ("environment", !self.environment.is_empty()),
            ("mode", self.mode.is_some()),
            ("processes_max", self.processes_max.is_some()),
            ("memory_mib_max", self.memory_mib_max.is_some()),
        ];
        let (others, binding): (&[_], _) = match self.binding {
            Binding::Http => (&process, "http"),
            Binding::Process => (&http, "process"),
        };
        let (field, _) = others.iter().find(|(_, given)| *given)?;
        Some((field, format!("`{field}` means nothing for the binding `{binding}`")))
    }

    fn faulty(&self) -> Option<(&'static str, String)> {
        if self.timeout_ms == Some(0) {
            return Some(("timeout_ms", "a timeout is at least one millisecond".to_owned()));
        }
        match self.binding {
            Binding::Http => url_fault(self.url.as_ref()).map(|why| ("url", why)),
            Binding::Process if self.command.first().is_none_or(String::is_empty) => Some((
                "command",
                "`command` names no program, for example [\"python3\", \"work.py\"]".to_owned(),
            )),
            Binding::Process if !self.processes_max.is_none_or(|max| (1..=PROCESSES_MAX).contains(&max)) => {
                Some(("processes_max", format!("a pool has 1 to {PROCESSES_MAX} processes")))
            }
            Binding::Process => None,
        }
    }
}

fn url_fault(url: Option<&Address>) -> Option<String> {
    let Some(url) = url else {
        return Some("`url` is missing: where attempts are posted to".to_owned());
    };
    let Ok(parsed) = reqwest::Url::parse(url.reveal()) else {
        return Some(format!("{url:?} is not a URL"));
    };
    match parsed.scheme() {
        "http" | "https" if parsed.has_host() => None,
        scheme => Some(format!("{scheme:?} is not a scheme that attempts can be posted with")),
    }
}

/// A text with `${NAME}` replaced by environment variables, or the name of one that does not exist.
pub fn expand(text: &str) -> Result<String, String> {
    let mut made = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, end)) = after.split_once('}') else { break };
        made.push_str(before);
        made.push_str(&variable(name).ok_or_else(|| name.to_owned())?);
        rest = end;
    }
    made.push_str(rest);
    Ok(made)
}

/// A variable that exists and is text.
fn variable(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn fault(text: &str) -> String {
        Config::parse(text).unwrap_err().message().to_owned()
    }

    #[test]
    fn bindings_are_read() {
        let text = "[activities.Charge]\nbinding = \"http\"\nurl = \"http://127.0.0.1:9/charge\"\n\
                    [activities.Resize]\nbinding = \"process\"\ncommand = [\"python3\", \"resize.py\"]\nmode = \"once\"\n";
        let config = Config::parse(text).unwrap();
        assert_eq!(config.activities["Charge"].binding, Binding::Http);
        assert_eq!(config.activities["Resize"].mode, Some(Mode::Once));
    }

    #[test]
    fn what_cannot_work_is_said_at_once() {
        let http = "[activities.A]\nbinding = \"http\"\n";
        assert!(fault(http).contains("`url` is missing"));
        assert!(fault(&format!("{http}url = \"nonsense\"")).contains("is not a URL"));
        assert!(fault(&format!("{http}url = \"ftp://example.com/\"")).contains("not a scheme"));
        assert!(Config::parse(&format!("{http}url = \"https://example.com/\"")).is_ok());
        assert!(fault(&format!("{http}url = \"http://x/\"\ncommand = [\"a\"]")).contains("means nothing"));
        let secret = format!("{http}url = \"http://x/\"\nheaders = {{ a = \"${{NO_SUCH_VARIABLE_HERE}}\" }}");
        assert!(fault(&secret).contains("NO_SUCH_VARIABLE_HERE"));
        let process = "[activities.A]\nbinding = \"process\"\n";
        assert!(fault(process).contains("names no program"));
        assert!(fault(&format!("{process}command = [\"a\"]\nprocesses_max = 0")).contains("1 to 256"));
        assert!(fault(&format!("{process}command = [\"a\"]\ntimeout_ms = 0")).contains("at least one"));
        assert!(fault("[activities.A]\nbinding = \"telepathy\"").contains("telepathy"));
    }
}
