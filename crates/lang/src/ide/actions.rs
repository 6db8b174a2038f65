//! What an editor offers to do about a place: fixes of diagnostics, definitions that are missing, remarks that are
//! not wanted.

use super::Analysis;
use super::file::{File, is_layout};
use super::names::{Callee, Name};
use crate::text::diagnostic::{Diagnostic, Edit, Fix, Severity};
use crate::text::edit;
use crate::text::source::{SourceId, Span, offset};
use crate::twf::ast::{Definition, HandlerKind, Stmt, StmtKind};
use crate::twf::check::walk;
use crate::twf::rules::Rule;

/// What kind of offer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionKind {
    /// Removes a diagnostic.
    QuickFix,
    /// Writes the same in another way.
    Rewrite,
    /// Removes every diagnostic of the file that has a sure fix.
    FixAll,
}

/// One offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What it does, as an editor lists it.
    pub title: String,
    /// What kind of offer it is.
    pub kind: ActionKind,
    /// The changes.
    pub edits: Vec<Edit>,
    /// The diagnostic that it removes, as a number among those that were given.
    pub fixes: Option<usize>,
    /// Whether it is surely what is meant.
    pub is_preferred: bool,
}

impl Analysis {
    /// The offers for a range of a file, with everything that is wrong with the workspace.
    pub fn actions(&self, id: SourceId, range: Span, diagnostics: &[Diagnostic]) -> Vec<Action> {
        let Some(file) = self.file(id) else { return Vec::new() };
        let mut actions = Vec::new();
        for (at, it) in diagnostics.iter().enumerate() {
            let Some(span) = it.span.filter(|span| span.source == id) else { continue };
            if span.start <= range.end && range.start <= span.end {
                actions.extend(self.of_diagnostic(file, it, span, at));
            }
        }
        actions.extend(return_to_close(file, range));
        actions.extend(Analysis::fix_all(file, diagnostics));
        actions
    }

    fn of_diagnostic(&self, file: &File, it: &Diagnostic, span: Span, at: usize) -> Vec<Action> {
        let mut actions = Vec::new();
        if let Some(fix) = &it.fix {
            actions.push(Action {
                title: fix.title.clone(),
                kind: ActionKind::QuickFix,
                edits: fix.edits.clone(),
                fixes: Some(at),
                is_preferred: !fix.is_guess,
            });
        }
        actions.extend(self.missing(file, it, span).map(|(title, edit)| Action {
            title,
            kind: ActionKind::QuickFix,
            edits: vec![edit],
            fixes: Some(at),
            is_preferred: false,
        }));
        if can_ignore(it) {
            actions.push(suppress(file, it, span, at));
        }
        actions
    }

    /// A definition or handler for a name that has none.
    fn missing(&self, file: &File, it: &Diagnostic, span: Span) -> Option<(String, Edit)> {
        let name = file.slice(span);
        match it.code {
            "UNDEFINED_ACTIVITY" => {
                let params = Analysis::params_of(file, span);
                let text = format!("activity {name}({params}) -> (any):\n    ...\n");
                Some((format!("add the activity `{name}`"), after_definition(file, span.start, &text)))
            }
            "UNDEFINED_WORKFLOW" | "NEXUS_ASYNC_UNDEFINED_WORKFLOW" => {
                let params = Analysis::params_of(file, span);
                let text = format!("workflow {name}({params}) -> (any):\n    close complete\n");
                Some((format!("add the workflow `{name}`"), after_definition(file, span.start, &text)))
            }
            "UNDEFINED_SIGNAL" | "SIGNAL_SEND_UNDEFINED_SIGNAL" => {
                self.handler(file, span, HandlerKind::Signal)
            }
            "UNDEFINED_UPDATE" => self.handler(file, span, HandlerKind::Update),
            "UNDEFINED_CONDITION" => condition(file, span),
            _ => None,
        }
    }

    /// Parameters as the call suggests them: names of arguments and variables, numbers for the rest.
    fn params_of(file: &File, name: Span) -> String {
        let Some((_, definition)) = file.definition_at(name.start) else { return String::new() };
        let mut params = String::new();
        let blocks: Vec<&Vec<Stmt>> = match definition {
            Definition::Workflow(it) => {
                let handlers = it.handlers.iter().map(|handler| &handler.body);
                handlers.chain(&it.on_cancel).chain(std::iter::once(&it.body)).collect()
            }
            Definition::Service(it) => it.operations.iter().filter_map(super::outline::body).collect(),
            _ => Vec::new(),
        };
        for block in blocks {
            walk::each(block, &mut |stmt| {
                for (call, _) in walk::calls(stmt) {
                    if call.span.start <= name.start && name.end <= call.span.end {
                        params = call.args.iter().zip(1..).map(param).collect::<Vec<_>>().join(", ");
                    }
                }
            });
        }
        params
    }

    /// A handler in the workflow that the message goes to.
    fn handler(&self, file: &File, span: Span, kind: HandlerKind) -> Option<(String, Edit)> {
        let it = file.names.iter().find(|it| it.span == span)?;
        let Name::Message(_, owner) = &it.name else { return None };
        let symbol = self.table().callee(file, &Callee::Message(kind, owner.clone(), it.text.clone()))?;
        let place = *self.table().places(&symbol).first()?;
        let (home, definition) = self.at(place)?;
        let Definition::Workflow(workflow) = definition else { return None };
        let word = if kind == HandlerKind::Update { "update" } else { "signal" };
        let (arrow, body) =
            if kind == HandlerKind::Update { (" -> (any)", "return null") } else { ("", "pass") };
        let head = head_of(home, workflow.span, workflow.body.first());
        let text = format!("{0}{word} {1}(){arrow}:\n{0}    {body}\n", head.indent, it.text);
        let title = format!("add the {word} `{}` to `{}`", it.text, workflow.name.name);
        Some((title, Edit { span: home.span(head.at, head.at), replacement: text }))
    }

    /// All sure fixes of the file together, those that overlap left for the next time.
    fn fix_all(file: &File, diagnostics: &[Diagnostic]) -> Option<Action> {
        let here = |it: &&Diagnostic| it.span.is_some_and(|span| span.source == file.source);
        let fixes: Vec<&Fix> = diagnostics
            .iter()
            .filter(here)
            .filter_map(|it| it.fix.as_ref())
            .filter(|fix| !fix.is_guess)
            .collect();
        let edited = edit::apply(&file.text, fixes.iter().copied());
        if edited.applied.is_empty() {
            return None;
        }
        let whole = file.span(0, offset(file.text.len()));
        Some(Action {
            title: format!("fix everything that has a sure fix ({})", edited.applied.len()),
            kind: ActionKind::FixAll,
            edits: smallest(whole, &file.text, &edited.text).into_iter().collect(),
            fixes: None,
            is_preferred: false,
        })
    }
}

/// A parameter for an argument: its name, or the variable that it is, or a number.
fn param((arg, at): (&crate::twf::ast::Arg, usize)) -> String {
    use crate::twf::ast::ExprKind;
    let name = arg.name.as_ref().map(|it| it.name.as_str()).or(match &arg.value.kind {
        ExprKind::Name(name) => Some(name.as_str()),
        ExprKind::Field(_, field) => Some(field.name.as_str()),
        _ => None,
    });
    let name = name.map_or_else(|| format!("value{at}"), str::to_string);
    let ty = match &arg.value.kind {
        ExprKind::Str(_) => "string",
        ExprKind::Int(_) => "int",
        ExprKind::Decimal(_) => "decimal",
        ExprKind::Bool(_) => "bool",
        ExprKind::Duration(_) => "duration",
        _ => "any",
    };
    format!("{name}: {ty}")
}

/// Where the next item of a workflow's head goes.
struct Head {
    at: u32,
    indent: String,
}

/// Before the first statement of a body, or right under a header without one.
fn head_of(file: &File, header: Span, first: Option<&Stmt>) -> Head {
    let from = file.layout.under(header.start).map_or(header.end, |block| block.start);
    let at = first.map_or_else(|| file.line_end(header.end) + 1, |stmt| file.line_start(stmt.span.start));
    let column = super::layout::column_of(&file.text, from);
    let indent = if from == header.end { 4 } else { column as usize };
    Head { at: at.min(offset(file.text.len())), indent: " ".repeat(indent) }
}

/// A condition in `state:`, which is made when there is none.
fn condition(file: &File, span: Span) -> Option<(String, Edit)> {
    let name = file.slice(span);
    let (_, Definition::Workflow(workflow)) = file.definition_at(span.start)? else { return None };
    let title = format!("declare the condition `{name}`");
    let block = file.layout.blocks().iter().find(|block| {
        block.head > workflow.span.start && file.slice(file.span(block.head, block.head_end)) == "state:"
    });
    let inside = file.extent(workflow.span);
    if let Some(block) = block.filter(|block| block.head < inside.end) {
        let indent = " ".repeat(super::layout::column_of(&file.text, block.start) as usize);
        let at = file.line_end(block.end).saturating_add(1).min(offset(file.text.len()));
        let text = format!("{indent}condition {name}\n");
        return Some((title, Edit { span: file.span(at, at), replacement: text }));
    }
    let at = file.line_end(workflow.span.end).saturating_add(1).min(offset(file.text.len()));
    let text = format!("    state:\n        condition {name}\n");
    Some((title, Edit { span: file.span(at, at), replacement: text }))
}

/// A definition behind the one that a byte stands in.
fn after_definition(file: &File, byte: u32, text: &str) -> Edit {
    let end = file.definition_at(byte).map_or_else(
        || offset(file.text.len()),
        |(_, definition)| file.extent(super::file::header(definition)).end,
    );
    let at = file.line_end(end);
    Edit { span: file.span(at, at), replacement: format!("\n\n{}", text.trim_end_matches('\n')) }
}

/// Whether a comment can silence it.
fn can_ignore(it: &Diagnostic) -> bool {
    it.severity != Severity::Error || Rule::find(it.code).is_some_and(|rule| rule.can_suppress)
}

/// A comment above the line that takes the remark away.
fn suppress(file: &File, it: &Diagnostic, span: Span, at: usize) -> Action {
    // A comment inside of brackets would be about nothing: it goes above the whole line of code.
    let before = file.tokens_before(span.start);
    let from = before.iter().rposition(|it| is_layout(it.kind)).map_or(0, |at| at + 1);
    let first = before.get(from).map_or(span.start, |token| token.start);
    let start = file.line_start(first);
    let line = file.text.get(start as usize..).unwrap_or("");
    let indent: String = line.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
    Action {
        title: format!("ignore `{}` here", it.code),
        kind: ActionKind::QuickFix,
        edits: vec![Edit {
            span: file.span(start, start),
            replacement: format!("{indent}# twf:lint-ignore {}\n", it.code),
        }],
        fixes: Some(at),
        is_preferred: false,
    }
}

/// `return x` in a workflow's body says the same as `close complete(x)`.
fn return_to_close(file: &File, range: Span) -> Option<Action> {
    let (_, Definition::Workflow(workflow)) = file.definition_at(range.start)? else { return None };
    let mut found = None;
    walk::each(&workflow.body, &mut |stmt| {
        if stmt.span.start <= range.end
            && range.start <= stmt.span.end
            && matches!(stmt.kind, StmtKind::Return(_))
        {
            found = Some(stmt);
        }
    });
    let stmt = found?;
    let StmtKind::Return(value) = &stmt.kind else { return None };
    let value =
        value.as_ref().map_or_else(String::new, |value| format!("({})", unbracketed(file.slice(value.span))));
    Some(Action {
        title: "write `close complete`".to_string(),
        kind: ActionKind::Rewrite,
        edits: vec![Edit { span: stmt.span, replacement: format!("close complete{value}") }],
        fixes: None,
        is_preferred: false,
    })
}

/// An expression without the brackets that hold all of it.
fn unbracketed(text: &str) -> &str {
    let inner = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    inner.filter(|inner| !inner.contains(['(', ')'])).unwrap_or(text)
}

/// One change from a text to another that leaves alone what they share at both ends.
pub(super) fn smallest(whole: Span, old: &str, new: &str) -> Option<Edit> {
    if old == new {
        return None;
    }
    let start = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
    let room = old.len().min(new.len()) - start;
    let end = old.bytes().rev().zip(new.bytes().rev()).take(room).take_while(|(a, b)| a == b).count();
    let mut start = start;
    while !old.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = end;
    while !old.is_char_boundary(old.len() - end) || !new.is_char_boundary(new.len() - end) {
        end -= 1;
    }
    let span = Span { start: offset(start), end: offset(old.len() - end), ..whole };
    Some(Edit { span, replacement: new.get(start..new.len() - end).unwrap_or("").to_string() })
}
