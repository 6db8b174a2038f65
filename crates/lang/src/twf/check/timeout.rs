//! Activities without a timeout, and heartbeats that nobody waits for.

use super::index::address;
use super::{Checker, ParsedUnit, walk};
use crate::text::diagnostic::{Diagnostic, Edit};
use crate::text::source::{Span, offset};
use crate::twf::ast::{Activity, Call, Definition, OptionEntry, StmtKind};
use crate::twf::hash::QuickMap;
use crate::twf::options::OptionScope;

/// How the calls of an activity bound it.
#[derive(Default)]
pub(super) struct Bounds {
    /// The first call without a timeout.
    unbounded: Option<Span>,
    /// Whether every call says how long a silence may last.
    has_heartbeat: bool,
}

/// By the address of the activity.
pub(super) type Timeouts = QuickMap<usize, Bounds>;

impl<'a> Checker<'a> {
    pub(super) fn note_timeouts(&mut self, activity: &'a Activity, call: &'a Call) {
        let has = |name: &str| has_key(&call.options, OptionScope::ActivityCall, name);
        let heartbeat = has("heartbeat_timeout");
        let is_bounded = has("start_to_close_timeout") || has("schedule_to_close_timeout");
        let fresh = Bounds { unbounded: None, has_heartbeat: true };
        let bounds = self.timeouts.entry(address(activity)).or_insert(fresh);
        bounds.has_heartbeat &= heartbeat;
        if !is_bounded && bounds.unbounded.is_none() {
            bounds.unbounded = Some(call.span);
        }
    }

    /// Judges the activities once every call has been seen.
    pub(super) fn timeouts(&mut self, units: &[ParsedUnit<'a>]) {
        for definition in units.iter().flat_map(|unit| &unit.unit.definitions) {
            if let Definition::Activity(activity) = definition {
                self.timeout(activity);
                self.heartbeats(activity);
            }
        }
    }

    fn timeout(&mut self, activity: &'a Activity) {
        let has = |name: &str| has_key(&activity.defaults, OptionScope::ActivityDefaults, name);
        if has("start_to_close_timeout") || has("schedule_to_close_timeout") {
            return;
        }
        let Some(call) = self.timeouts.get(&address(activity)).and_then(|it| it.unbounded) else { return };
        let message =
            format!("no timeout is given for `{}`, so each attempt may take 5 minutes", activity.name.name);
        let found = Diagnostic::info("MISSING_TIMEOUT", call, message)
            .label(activity.name.span, "the activity, without a timeout in `default_options`")
            .help("give it `start_to_close_timeout` there, or under `options:` of the call");
        let found = self.add_default(found, activity, "start_to_close_timeout: 5m");
        self.report(found);
    }

    fn heartbeats(&mut self, activity: &'a Activity) {
        if has_key(&activity.defaults, OptionScope::ActivityDefaults, "heartbeat_timeout")
            || self.timeouts.get(&address(activity)).is_some_and(|it| it.has_heartbeat)
        {
            return;
        }
        let mut first = None;
        walk::each(&activity.body, &mut |stmt| {
            if first.is_none() && matches!(stmt.kind, StmtKind::Heartbeat(_)) {
                first = Some(stmt.span);
            }
        });
        let Some(span) = first else { return };
        let message =
            format!("`{}` sends heartbeats, and nothing says when they are overdue", activity.name.name);
        let found = Diagnostic::warning("HEARTBEAT_WITHOUT_TIMEOUT", span, message)
            .note("without `heartbeat_timeout` a dead attempt is noticed only when its whole time is over")
            .help("add `heartbeat_timeout` to the `default_options` of the activity");
        let found = self.add_default(found, activity, "heartbeat_timeout: 30s");
        self.report(found);
    }

    /// Offers to write an option into the defaults of an activity.
    fn add_default(&self, found: Diagnostic, activity: &Activity, line: &str) -> Diagnostic {
        let title = format!("add `{line}` to `default_options`");
        if let Some(first) = activity.defaults.first() {
            let at = Span { end: first.key.span.start, ..first.key.span };
            return match self.indent(at) {
                Some(indent) => found.fix(at, format!("{line}\n{indent}"), title),
                None => found,
            };
        }
        let Some(first) = activity.body.first() else { return found };
        let start = Span { end: first.span.start, ..first.span };
        let Some(indent) = self.indent(start) else { return found };
        let step = if indent.starts_with('\t') { "\t" } else { "    " };
        // Directly under the header, so that comments above the first statement stay with it.
        let Some(at) = self.line_after(activity.span) else { return found };
        let replacement = format!("{indent}default_options:\n{indent}{step}{line}\n");
        found.fix_all(vec![Edit { span: at, replacement }], title)
    }

    /// The blanks before a place, when nothing else stands before it on its line.
    pub(super) fn indent(&self, at: Span) -> Option<&'a str> {
        let text: &'a str = &self.sources.get(at.source)?.text;
        let before = text.get(..at.start as usize)?;
        let line = before.rfind('\n').map_or(before, |newline| before.get(newline + 1..).unwrap_or(""));
        line.bytes().all(|b| b == b' ' || b == b'\t').then_some(line)
    }

    /// The start of the line after the one that a span ends on.
    pub(super) fn line_after(&self, span: Span) -> Option<Span> {
        let text: &'a str = &self.sources.get(span.source)?.text;
        let newline = text.get(span.end as usize..)?.find('\n')?;
        let at = span.end.saturating_add(offset(newline + 1));
        Some(Span { start: at, end: at, ..span })
    }
}

pub(super) fn has_key(options: &[OptionEntry], scope: OptionScope, name: &str) -> bool {
    options.iter().any(|entry| scope.key(&entry.key.name).is_some_and(|key| key.name == name))
}
