//! What a run does while somebody waits for it: a few lines on a terminal that change, and nothing anywhere else.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nexus_kernel::Json;

use super::Output;

/// How often the turning sign turns.
const TICK: Duration = Duration::from_millis(120);

/// Most things that are told a run waits for.
const WAITS_MAX: usize = 4;

/// The lines on the terminal.
pub struct Progress {
    bar: Option<ProgressBar>,
    workflow: String,
    /// The last event, which stays until the next one.
    last: String,
}

impl Progress {
    /// Lines about a run of this workflow. There are none where standard error is for programs or goes to a file.
    pub fn new(output: Output, workflow: &str) -> Progress {
        if output.is_json() || !std::io::stderr().is_terminal() {
            return Progress { bar: None, workflow: String::new(), last: String::new() };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let template = if output.has_color() {
            "{spinner:.cyan} {prefix:.bold} {elapsed:.dim}{wide_msg}"
        } else {
            "{spinner} {prefix} {elapsed}{wide_msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "));
        }
        Progress { bar: Some(bar), workflow: workflow.to_owned(), last: String::new() }
    }

    /// Whether anybody sees it.
    pub fn is_shown(&self) -> bool {
        self.bar.is_some()
    }

    /// Tells what a run waits for, and its last event when there is a new one. Nothing is shown before: most runs end at
    /// once.
    pub fn tell(&mut self, shown: &Json, news: Option<&Json>) {
        if let Some(news) = news {
            self.last = event(news);
        }
        if let Some(bar) = &self.bar {
            if bar.prefix().is_empty() {
                bar.set_prefix(self.workflow.clone());
                bar.enable_steady_tick(TICK);
            }
            bar.set_message(format!("  {}{}", waits(shown).join(", "), self.last));
        }
    }

    /// Prints something above the lines.
    pub fn above(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the lines away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What a run waits for: what is carried out for it, then what its program says.
fn waits(shown: &Json) -> Vec<String> {
    let list = |name: &str| shown.get(name).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let pending = list("pending").iter().map(pending).collect::<Vec<_>>();
    let told = if pending.is_empty() {
        list("waits").iter().map(|wait| format!("waits for {}", text(wait, "for"))).collect()
    } else {
        pending
    };
    let more = told.len().saturating_sub(WAITS_MAX);
    let mut told: Vec<String> = told.into_iter().take(WAITS_MAX).collect();
    if more > 0 {
        told.push(format!("{more} more"));
    }
    told
}

fn pending(it: &Json) -> String {
    let attempt = it.get("attempt").and_then(Json::as_u64).filter(|attempt| *attempt > 1);
    let attempt = attempt.map(|attempt| format!(" (attempt {attempt})")).unwrap_or_default();
    format!("{} {}{attempt}", text(it, "kind"), text(it, "name"))
}

fn event(news: &Json) -> String {
    format!(" · {} {}", news.get("id").and_then(Json::as_u64).unwrap_or(0), text(news, "type"))
}

fn text<'a>(value: &'a Json, name: &str) -> &'a str {
    value.get(name).and_then(Json::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_run_is_told_by_what_it_waits_for() {
        let activity = json!({ "kind": "activity", "name": "Charge", "attempt": 3 });
        let shown = json!({ "pending": [activity], "waits": [{ "for": "activity Charge" }] });
        assert_eq!(waits(&shown), ["activity Charge (attempt 3)"]);
        assert_eq!(waits(&json!({ "waits": [{ "for": "signal go" }] })), ["waits for signal go"]);
        let many: Vec<_> = (0..6).map(|n| json!({ "kind": "timer", "name": n.to_string() })).collect();
        assert_eq!(waits(&json!({ "pending": many })).last().map(String::as_str), Some("2 more"));
        assert_eq!(event(&json!({ "id": 7, "type": "TimerFired" })), " · 7 TimerFired");
    }
}
