//! `# twf:lint-ignore` comments: findings that the author knows about and wants to hear no more of.
//!
//! - at the end of a line: what is found on that line;
//! - on a line of its own: what is found in the statement or definition below it;
//! - `# twf:lint-ignore-file CODE` anywhere: what is found in the whole file.
//!
//! Codes are separated by commas; without any, all warnings and information are meant. What stands after the codes is
//! the reason, for people. Errors stay, except those that [`Rule::can_suppress`] marks.

mod reach;

use crate::text::diagnostic::{Diagnostic, Severity, sort};
use crate::text::source::{Source, SourceId, Sources, Span, offset};
use crate::text::suggest::propose;
use crate::twf::lexer::lex;
use crate::twf::rules::{Rule, RuleKind};

/// What every such comment holds; files without it are not looked at again.
const MARK: &str = "twf:lint-ignore";

/// Removes what comments silence, and adds what is wrong with the comments themselves. The diagnostics are those of
/// the parser and the checks for all of these files, with their own severities; see [`super::soften`].
pub fn suppress(diagnostics: &mut Vec<Diagnostic>, sources: &Sources) {
    let mut ignores = Ignores::of(sources);
    if ignores.all.is_empty() {
        return;
    }
    ignores.hide(diagnostics);
    let mut remarks = ignores.remarks(sources);
    ignores.hide(&mut remarks);
    diagnostics.extend(remarks);
    sort(diagnostics);
}

/// Removes what comments silence from findings that are made later than those of [`suppress`], without another word
/// about the comments.
pub fn hide(diagnostics: &mut Vec<Diagnostic>, sources: &Sources) {
    Ignores::of(sources).hide(diagnostics);
}

/// The comments of all files.
#[derive(Default)]
struct Ignores {
    /// By file and start of their reach.
    all: Vec<Ignore>,
    /// For each of them the one before it whose reach holds its own: reaches lie in one another as blocks do.
    around: Vec<Option<usize>>,
}

/// One comment.
struct Ignore {
    /// From `#` to its end.
    comment: Span,
    /// What goes with it when it is removed: the blanks before it, or its whole line.
    removal: Span,
    /// The text it is about.
    reach: Span,
    /// Its codes; none means all that can be ignored.
    codes: Vec<Code>,
    /// Whether it has silenced anything; with codes, theirs count.
    is_used: bool,
}

/// A code in a comment.
struct Code {
    name: String,
    span: Span,
    rule: Option<&'static Rule>,
    is_used: bool,
}

impl Ignores {
    fn of(sources: &Sources) -> Ignores {
        let mut ignores = Ignores::default();
        for (id, source) in sources.iter().filter(|(_, source)| source.text.contains(MARK)) {
            ignores.read(id, source);
        }
        ignores.nest();
        ignores
    }

    fn read(&mut self, id: SourceId, source: &Source) {
        let text = &*source.text;
        let lexed = lex(id, text);
        for comment in &lexed.comments {
            let written = text.get(comment.span.start as usize..comment.span.end as usize).unwrap_or("");
            let Some(directive) = Directive::read(written) else { continue };
            let reach = if directive.is_file {
                Span { source: id, start: 0, end: offset(text.len()) }
            } else {
                reach::of(comment, &lexed.tokens, text)
            };
            let codes = directive.codes.iter().map(|(at, name)| {
                let start = comment.span.start.saturating_add(offset(*at));
                Code {
                    name: (*name).to_string(),
                    span: Span { source: id, start, end: start.saturating_add(offset(name.len())) },
                    rule: Rule::find(name),
                    is_used: false,
                }
            });
            self.all.push(Ignore {
                comment: comment.span,
                removal: reach::removal(comment, text),
                reach,
                codes: codes.collect(),
                is_used: false,
            });
        }
    }

    /// Puts the comments in order and finds out which lies in which.
    fn nest(&mut self) {
        self.all.sort_by_key(|it| (it.reach.source, it.reach.start, std::cmp::Reverse(it.reach.end)));
        let mut open: Vec<usize> = Vec::new();
        for (at, ignore) in self.all.iter().enumerate() {
            let holds = |outer: &usize| {
                let outer = self.all.get(*outer).map(|it| it.reach);
                outer.is_some_and(|it| it.source == ignore.reach.source && it.end >= ignore.reach.end)
            };
            while open.last().is_some_and(|outer| !holds(outer)) {
                open.pop();
            }
            self.around.push(open.last().copied());
            open.push(at);
        }
    }

    /// Removes what is silenced.
    fn hide(&mut self, diagnostics: &mut Vec<Diagnostic>) {
        diagnostics.retain(|diagnostic| !self.covers(diagnostic));
    }

    fn covers(&mut self, diagnostic: &Diagnostic) -> bool {
        let Some(span) = diagnostic.span else { return false };
        let can = diagnostic.severity != Severity::Error
            || Rule::find(diagnostic.code).is_some_and(|rule| rule.can_suppress);
        if !can {
            return false;
        }
        let before =
            self.all.partition_point(|it| (it.reach.source, it.reach.start) <= (span.source, span.start));
        let mut next = before.checked_sub(1);
        let mut is_covered = false;
        while let Some(at) = next {
            let Some(ignore) = self.all.get_mut(at).filter(|it| it.reach.source == span.source) else {
                break;
            };
            if span.start < ignore.reach.end.max(ignore.reach.start.saturating_add(1)) {
                is_covered |= ignore.silences(diagnostic);
            }
            next = self.around.get(at).copied().flatten();
        }
        is_covered
    }

    /// What is wrong with the comments: codes that do not exist, and those that silence nothing.
    fn remarks(&self, sources: &Sources) -> Vec<Diagnostic> {
        self.all.iter().flat_map(|ignore| ignore.remarks(sources)).collect()
    }
}

impl Ignore {
    fn silences(&mut self, diagnostic: &Diagnostic) -> bool {
        if self.codes.is_empty() {
            let is_meant = diagnostic.severity != Severity::Error;
            self.is_used |= is_meant;
            return is_meant;
        }
        let mut is_meant = false;
        for code in self.codes.iter_mut().filter(|code| code.name == diagnostic.code) {
            code.is_used = true;
            is_meant = true;
        }
        is_meant
    }

    fn remarks(&self, sources: &Sources) -> Vec<Diagnostic> {
        if self.codes.is_empty() && !self.is_used {
            let found = Diagnostic::info("UNUSED_IGNORE", self.comment, "this comment silences nothing");
            return vec![found.help("remove it").fix(self.removal, "", "remove the comment")];
        }
        let remark = |(at, code): (usize, &Code)| match code.rule {
            None => Some(self.unknown(at, code, sources)),
            Some(rule) if code.is_used || is_judged_later(rule) => None,
            Some(rule) => Some(self.unused(at, code, rule, sources)),
        };
        self.codes.iter().enumerate().filter_map(remark).collect()
    }

    fn unknown(&self, at: usize, code: &Code, sources: &Sources) -> Diagnostic {
        let message = format!("there is no finding `{}`", code.name);
        let found = Diagnostic::warning("UNKNOWN_LINT", code.span, message)
            .help("`nexus explain` lists all codes")
            .fix(self.without(at, sources), "", format!("remove `{}`", code.name));
        propose(found, code.span, &code.name, Rule::codes())
    }

    fn unused(&self, at: usize, code: &Code, rule: &Rule, sources: &Sources) -> Diagnostic {
        let is_error = rule.severity == Severity::Error && !rule.can_suppress;
        let never = if is_error { ", and as an error it never can be silenced" } else { "" };
        let message = format!("`{}` silences nothing here{never}", code.name);
        Diagnostic::info("UNUSED_IGNORE", code.span, message).help("remove it").fix(
            self.without(at, sources),
            "",
            format!("remove `{}`", code.name),
        )
    }

    /// What to remove so that a code is gone: the comment when it has no other.
    fn without(&self, at: usize, sources: &Sources) -> Span {
        let Some(code) = self.codes.get(at) else { return self.removal };
        if self.codes.len() == 1 {
            return self.removal;
        }
        let neighbour = if at > 0 { self.codes.get(at - 1) } else { self.codes.get(1) };
        let Some(neighbour) = neighbour else { return self.removal };
        let span = if at > 0 {
            Span { start: neighbour.span.end, ..code.span }
        } else {
            Span { end: neighbour.span.start, ..code.span }
        };
        if sources.slice(span).is_empty() { self.removal } else { span }
    }
}

/// Whether findings of this rule are made where the activities are known, and not here. Remarks about comments are
/// made last, so that a comment against them cannot be judged.
fn is_judged_later(rule: &Rule) -> bool {
    rule.kind == RuleKind::Project || matches!(rule.code, "UNUSED_IGNORE" | "UNKNOWN_LINT")
}

/// The text of a comment as a directive.
struct Directive<'t> {
    is_file: bool,
    /// The codes with the bytes they begin at in the comment.
    codes: Vec<(usize, &'t str)>,
}

impl<'t> Directive<'t> {
    fn read(comment: &'t str) -> Option<Directive<'t>> {
        let rest = comment.trim_start_matches('#').trim_start().strip_prefix(MARK)?;
        let (is_file, rest) = match rest.strip_prefix("-file") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        if rest.starts_with(|c: char| !c.is_whitespace() && c != ':') {
            return None;
        }
        let mut codes = Vec::new();
        let mut rest = rest.trim_start_matches([' ', '\t', ':']);
        loop {
            let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
            let (word, after) = rest.split_at(length);
            if word.is_empty() {
                break;
            }
            codes.push((comment.len() - rest.len(), word));
            let Some(next) = after.trim_start().strip_prefix(',') else { break };
            rest = next.trim_start();
        }
        Some(Directive { is_file, codes })
    }
}

#[cfg(test)]
mod tests;
