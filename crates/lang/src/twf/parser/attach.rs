//! Messages of the first dialect: declared outside of workflows, and listed by the workflows that take them.

use super::legacy::{insertion, step};
use super::{Parse, Parser};
use crate::text::diagnostic::{Diagnostic, Edit};
use crate::text::source::Span;
use crate::twf::ast::{Definition, Handler, Ident, Unit};
use crate::twf::token::TokenKind;

/// The owner of what stands in the workflow that is being read.
const UNOWNED: usize = usize::MAX;

/// Declarations outside of workflows, and the lists that name them.
#[derive(Default)]
pub(super) struct Attachments {
    loose: Vec<Loose>,
    /// Names in lists, by index of the workflow among the definitions.
    names: Vec<(usize, Ident)>,
    lists: Vec<List>,
    /// Where heads with lists end, by index of the workflow.
    heads: Vec<(usize, Span)>,
}

struct Loose {
    handler: Handler,
    /// Its lines with the comments above.
    lines: Span,
}

struct List {
    owner: usize,
    /// `signals`.
    word: Span,
    whole: Span,
}

impl Attachments {
    /// Says which definition has just been read.
    pub(super) fn own(&mut self, index: usize) {
        let owners = self.names.iter_mut().map(|(owner, _)| owner);
        let owners = owners.chain(self.lists.iter_mut().map(|list| &mut list.owner));
        for owner in owners.chain(self.heads.iter_mut().map(|(owner, _)| owner)) {
            if *owner == UNOWNED {
                *owner = index;
            }
        }
    }
}

impl Parser<'_> {
    /// A message declared outside of workflows.
    pub(super) fn loose_handler(&mut self) -> Parse<()> {
        let start = self.at;
        let above = self.comment_above(self.token(0).start);
        let handler = self.handler()?;
        let end = self.line_end_of(self.code_since(start).end);
        let lines = Span { end, ..self.span(above, above) };
        self.attachments.loose.push(Loose { handler, lines });
        Ok(())
    }

    /// `signals: A, B` or a block of names, as in the first dialect.
    pub(super) fn attachment_list(&mut self) -> bool {
        let word = self.word();
        if !matches!(word, "signals" | "queries" | "updates") || self.nth(1) != TokenKind::Colon {
            return false;
        }
        let start = self.at;
        let word = self.next_span();
        self.bump();
        self.bump();
        let read = self.attached_names();
        self.skip_if_broken(read);
        let whole = self.code_since(start);
        self.attachments.lists.push(List { owner: UNOWNED, word, whole });
        true
    }

    fn attached_names(&mut self) -> Parse<()> {
        if self.eat(TokenKind::Newline) {
            self.item_lines("the list", &mut Parser::attached_line);
            return Ok(());
        }
        self.attached_line()
    }

    fn attached_line(&mut self) -> Parse<()> {
        let is_bracketed = self.eat(TokenKind::OpenBracket);
        loop {
            self.eat(TokenKind::Minus);
            let name = self.any_name("the name of a message")?;
            self.attachments.names.push((UNOWNED, name));
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        if is_bracketed {
            self.expect(TokenKind::CloseBracket, "the list")?;
        }
        self.end_of_line()
    }

    /// Remembers where the head of a workflow with lists ends.
    pub(super) fn end_of_head(&mut self) {
        if self.attachments.lists.last().is_some_and(|list| list.owner == UNOWNED) {
            let last = self.code_since(self.at.saturating_sub(5).min(self.at));
            self.attachments.heads.push((UNOWNED, Span { start: last.end, ..last }));
        }
    }

    /// Gives each workflow the handlers that it lists by name, and reports lists and declarations.
    pub(super) fn attach_handlers(&mut self, unit: &mut Unit) {
        let attachments = std::mem::take(&mut self.attachments);
        let mut is_whole = true;
        for (owner, name) in &attachments.names {
            let declared = attachments.loose.iter().find(|it| it.handler.name.name == name.name);
            let handler = declared.map(|it| Handler { name: name.clone(), ..it.handler.clone() });
            match (unit.definitions.get_mut(*owner), handler) {
                (Some(Definition::Workflow(workflow)), Some(handler)) => workflow.handlers.push(handler),
                _ => {
                    let message = format!("`{}` is declared nowhere in this file", name.name);
                    let _reported = self.syntax(name.span, message);
                    is_whole = false;
                }
            }
        }
        let mut fix =
            if is_whole && !attachments.lists.is_empty() { Some(self.moved(&attachments)) } else { None };
        for list in &attachments.lists {
            let message = format!("`{}:` lists declarations", self.slice(list.word));
            let mut diagnostic = Diagnostic::info("LEGACY_SYNTAX", list.word, message)
                .help("declare the messages inside the workflow, before the first statement");
            if let Some(edits) = fix.take() {
                diagnostic = diagnostic.fix_all(edits, "declare the messages inside the workflow");
            }
            self.report(diagnostic);
        }
        for loose in &attachments.loose {
            self.report_loose(&loose.handler);
        }
    }

    fn report_loose(&mut self, handler: &Handler) {
        let word = match handler.kind {
            crate::twf::ast::HandlerKind::Signal => "signal",
            crate::twf::ast::HandlerKind::Query => "query",
            crate::twf::ast::HandlerKind::Update => "update",
        };
        let message = format!("{word} `{}` is declared outside of a workflow", handler.name.name);
        let diagnostic = Diagnostic::info("LEGACY_SYNTAX", handler.name.span, message)
            .help("declare it inside each workflow that takes it, before the first statement");
        self.report(diagnostic);
    }

    /// Declarations go to the end of the heads of the workflows that list them, which is where the tree has them.
    fn moved(&self, attachments: &Attachments) -> Vec<Edit> {
        let mut edits = Vec::new();
        for (owner, end) in &attachments.heads {
            let names = attachments.names.iter().filter(|(of, _)| of == owner);
            let taken = names.filter_map(|(_, name)| {
                attachments.loose.iter().find(|it| it.handler.name.name == name.name)
            });
            let lists: Vec<&List> = attachments.lists.iter().filter(|list| list.owner == *owner).collect();
            let indent = lists.first().map_or("", |list| self.indent_of(list.whole.start));
            let text: Vec<String> = taken.map(|it| self.indented(it.lines, indent)).collect();
            let text = text.join("\n");
            let is_last = |list: &List| list.whole.end == end.end;
            for list in &lists {
                let mut edit = self.remove_lines(list.whole);
                if is_last(list) {
                    let newline = if edit.replacement.is_empty() { "" } else { "\n" };
                    let ends = self.slice(edit.span).ends_with('\n');
                    edit.replacement =
                        format!("{}{newline}{text}{}", edit.replacement, if ends { "\n" } else { "" });
                }
                edits.push(edit);
            }
            if !lists.iter().any(|list| is_last(list)) {
                edits.push(insertion(*end, self.line_end_of(end.end), format!("\n{text}")));
            }
        }
        let is_taken =
            |loose: &&Loose| attachments.names.iter().any(|(_, name)| name.name == loose.handler.name.name);
        for loose in attachments.loose.iter().filter(is_taken) {
            let end = loose
                .lines
                .end
                .saturating_add(1)
                .min(self.span(0, crate::text::source::offset(self.text.len())).end);
            edits.push(Edit { span: Span { end, ..loose.lines }, replacement: String::new() });
        }
        edits
    }

    /// Lines of the first level as lines of a block.
    fn indented(&self, lines: Span, indent: &str) -> String {
        let style = step(indent);
        let indent = if indent.is_empty() { style } else { indent };
        let lines = self.slice(lines).lines();
        let shown = lines.map(|line| {
            if line.trim().is_empty() { String::new() } else { format!("{indent}{}", line.trim_end()) }
        });
        shown.collect::<Vec<_>>().join("\n")
    }
}
