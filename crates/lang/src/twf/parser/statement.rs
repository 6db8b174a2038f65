//! Statements: blocks, dispatch by the first word, lines that begin with no keyword.

use super::call::as_place;
use super::place::Place;
use super::{Broken, Parse, Parser};
use crate::text::diagnostic::{Diagnostic, Severity};
use crate::text::suggest::nearest;
use crate::twf::ast::{AssignOp, Block, CloseKind, Expr, ExprKind, LValue, OptionEntry, Stmt, StmtKind};
use crate::twf::token::TokenKind;

/// Words of statements that a slip of the hand is compared with. Shorter ones resemble too many names.
const STATEMENT_WORDS: &[&str] = &[
    "activity", "workflow", "signal", "update", "detach", "nexus", "promise", "unset", "await", "switch",
    "close", "return", "continue",
];

impl Parser<'_> {
    /// `':' NL IN stmt* OUT`.
    pub(super) fn block(&mut self, header: &str) -> Block {
        self.colon_line(header);
        self.body(header)
    }

    /// `IN stmt* OUT`; nothing there is an error unless a comment stands in its place.
    pub(super) fn body(&mut self, header: &str) -> Block {
        let mut block = Block::new();
        if self.at(TokenKind::Indent) {
            self.indented_statements(&mut block);
        } else {
            self.missing_block(header);
        }
        block
    }

    /// `IN stmt* OUT`, added to a block.
    pub(super) fn indented_statements(&mut self, out: &mut Block) {
        if self.nested(|_| Ok(())).is_err() {
            return self.skip_block();
        }
        self.bump();
        self.nesting += 1;
        self.statements(out);
        self.nesting -= 1;
        self.eat(TokenKind::Dedent);
    }

    /// Statements up to the end of the block.
    pub(super) fn statements(&mut self, out: &mut Block) {
        loop {
            if matches!(self.kind(), TokenKind::Dedent | TokenKind::End) {
                return;
            }
            self.line_start = self.token(0).start;
            match self.kind() {
                TokenKind::Indent => {
                    let _reported = self.syntax(self.next_span(), "unexpected indentation");
                    self.indented_statements(out);
                }
                TokenKind::At => self.statement_annotations(),
                _ if self.at_word_then("options", TokenKind::OpenParen) => self.options_before(out),
                _ => self.statement(out),
            }
        }
    }

    /// `('@' NAME args? NL)*` before a statement.
    fn statement_annotations(&mut self) {
        let span = self.line_span();
        match self.annotations() {
            Ok(all) => self.annotated.extend(all.into_iter().map(|annotation| (annotation, span))),
            Err(Broken) => self.skip_line_and_block(),
        }
    }

    /// One statement with the block under it, or an error in its place.
    pub(super) fn statement(&mut self, out: &mut Block) {
        let start = self.at;
        let span = self.line_span();
        match self.statement_kind() {
            Ok(Some(kind)) => out.push(Stmt { kind, span }),
            Ok(None) => {}
            Err(Broken) => {
                out.push(Stmt { kind: StmtKind::Error, span });
                self.recover_statement(start, out);
            }
        }
    }

    /// From the next token to the last one of its line.
    fn line_span(&self) -> crate::text::source::Span {
        let first = self.token(0);
        let ahead = self.tokens.iter().skip(self.at);
        let last = ahead.take_while(|t| !matches!(t.kind, TokenKind::Newline | TokenKind::End)).last();
        self.span(first.start, last.map_or(first.end, |token| token.end))
    }

    /// The statement by its first word; nothing for words without effect.
    fn statement_kind(&mut self) -> Parse<Option<StmtKind>> {
        if self.at(TokenKind::Ellipsis) && self.nth(1) == TokenKind::Newline {
            return self.pass().map(Some);
        }
        if self.is_raw() {
            return self.raw_line().map(Some);
        }
        let word = self.word();
        if !self.place.is_durable() && is_durable_word(word) {
            let message = format!("`{word}` is not allowed in {}", self.place.name());
            return Err(self.syntax(self.next_span(), message));
        }
        if let Some(read) = with_block(word) {
            return Ok(Some(read(self)));
        }
        match one_line(word) {
            Some(read) => read(self).map(Some),
            None if matches!(word, "signal" | "query" | "update") => self.message_line(),
            None => self.old_statement(),
        }
    }

    /// Whether the line begins with no statement word, or with one that is used as a name here.
    fn is_raw(&self) -> bool {
        let next = self.nth(1);
        let is_name_here = next.is_assignment() || next == TokenKind::Dot;
        if !self.at(TokenKind::Name) || is_name_here {
            return true;
        }
        let takes_value = next == TokenKind::Name || next == TokenKind::Str || next == TokenKind::OpenBrace;
        let durable = self.place.is_durable();
        let fits = match self.word() {
            "signal" | "query" | "update" | "set" | "unset" | "activity" | "workflow" | "promise"
            | "timer" => self.place != Place::Activity || next != TokenKind::OpenParen,
            "nexus" | "detach" | "await" | "switch" | "if" | "for" | "close" | "return" | "break"
            | "continue" | "continue_as_new" | "else" | "elif" | "case" => true,
            "state" | "default_options" | "options" | "on_cancel" | "validator" | "catch" | "finally" => {
                next == TokenKind::Colon
            }
            "spawn" | "child" | "hint" | "cancel" => durable && next == TokenKind::Name,
            "parallel" | "select" | "try" => durable && next == TokenKind::Colon,
            "heartbeat" => next == TokenKind::OpenParen,
            "raise" => takes_value,
            "reject" => self.place == Place::Validator && takes_value,
            "pass" => next == TokenKind::Newline || self.nth(2) == TokenKind::CloseParen,
            _ => false,
        };
        !fits
    }

    /// `signal h.Name(..)`, or a handler that stands too late.
    fn message_line(&mut self) -> Parse<Option<StmtKind>> {
        if self.is_handler() {
            return self.late_handler().map(|()| None);
        }
        if self.at_word("signal") {
            return self.send().map(Some);
        }
        let message = format!("`{}` begins no statement", self.word());
        Err(self.syntax(self.next_span(), message))
    }

    fn loop_exit(&mut self) -> Parse<StmtKind> {
        let is_break = self.bump_word() == "break";
        self.end_of_line()?;
        Ok(if is_break { StmtKind::Break } else { StmtKind::Continue })
    }

    /// `pass`, `pass()`, `...`.
    fn pass(&mut self) -> Parse<StmtKind> {
        self.bump();
        if self.at(TokenKind::OpenParen) {
            self.mark_tight();
            self.bump();
            self.expect(TokenKind::CloseParen, "`pass`")?;
        }
        self.end_of_line()?;
        Ok(StmtKind::Pass)
    }

    /// `'raise' expr NL` and `'reject' expr NL`.
    fn raise(&mut self) -> Parse<StmtKind> {
        let is_raise = self.at_word("raise");
        self.extension(self.next_span(), if is_raise { "`raise`" } else { "`reject`" });
        self.bump();
        let value = self.statement_expr();
        self.end_of_line()?;
        Ok(if is_raise { StmtKind::Raise(value) } else { StmtKind::Reject(value) })
    }

    /// `'heartbeat' args NL`.
    fn heartbeat(&mut self) -> Parse<StmtKind> {
        let span = self.next_span();
        self.bump();
        let args = self.args()?;
        self.end_of_line()?;
        if self.place != Place::Activity {
            return Err(self.syntax_stay(span, "`heartbeat` is allowed in activity bodies only"));
        }
        Ok(StmtKind::Heartbeat(args))
    }

    /// Reports an error about a line that has been taken whole: steps back to its end, where recovery begins.
    fn syntax_stay(&mut self, span: crate::text::source::Span, message: &str) -> Broken {
        self.at = self.at.saturating_sub(1);
        self.syntax(span, message)
    }

    /// `'return' expr? NL`.
    fn return_stmt(&mut self) -> Parse<StmtKind> {
        self.bump();
        if self.at(TokenKind::Newline) {
            self.end_of_line()?;
            return Ok(StmtKind::Return(None));
        }
        if self.place == Place::Operation && self.at_word_then("workflow", TokenKind::Name) {
            return self.return_workflow();
        }
        self.forbid_call_value()?;
        let value = self.statement_expr();
        self.end_of_line()?;
        Ok(StmtKind::Return(Some(value)))
    }

    /// An expression that ends its line. In an activity body, which is documentation, one that cannot be read
    /// is a warning.
    pub(super) fn statement_expr(&mut self) -> Expr {
        let given = self.diagnostics.len();
        let expr = self.expr_to_line_end();
        self.soften(given);
        expr
    }

    /// An expression of a header; when it cannot be read, the block keeps its header.
    pub(super) fn header_expr(&mut self) -> Expr {
        let given = self.diagnostics.len();
        let start = self.at;
        let read = self.expr();
        if let Ok(expr) = read
            && (self.at(TokenKind::Colon) || self.at(TokenKind::Comma))
        {
            return expr;
        }
        if self.diagnostics.len() == given {
            let _reported = self.unexpected("`:`", "the expression");
        }
        self.soften(given);
        self.skip_to_line_colon();
        self.mark_verbatim(start);
        Expr { kind: ExprKind::Error, span: self.span_since(start) }
    }

    /// Turns the errors given since into warnings when they are about pseudo-code.
    fn soften(&mut self, given: usize) {
        if self.place != Place::Activity {
            return;
        }
        for diagnostic in self.diagnostics.iter_mut().skip(given).filter(|it| it.code == "SYNTAX") {
            *diagnostic = raw(diagnostic, Severity::Warning);
        }
    }

    /// A line that begins with no keyword: an assignment or a call. The published language keeps such lines
    /// as opaque text, so one that cannot be read is not `SYNTAX` but `RAW_STATEMENT`: an error where it
    /// would have to run.
    fn raw_line(&mut self) -> Parse<StmtKind> {
        let given = self.diagnostics.len();
        let first = self.token(0);
        let word = self.word();
        let read = self.simple_line();
        if read.is_ok() {
            return read;
        }
        let errors: Vec<Diagnostic> = self.diagnostics.split_off(given.min(self.diagnostics.len()));
        let Some(error) = errors.into_iter().find(|it| it.code == "SYNTAX") else {
            return read;
        };
        let keyword = if word.len() > 4 { nearest(word, STATEMENT_WORDS.iter().copied()) } else { None };
        let diagnostic = match keyword {
            Some(keyword) => {
                Diagnostic::error("SYNTAX", self.span_of(first), format!("`{word}` begins no statement"))
                    .help(format!("did you mean `{keyword}`?"))
                    .fix(self.span_of(first), keyword, "correct the spelling")
                    .guessed()
            }
            None if self.place == Place::Activity => raw(&error, Severity::Warning),
            None => raw(&error, Severity::Error).help_if(foreign_word(word)),
        };
        self.report(diagnostic);
        read
    }

    /// `lvalue op expr NL`, or an expression that ends in a call.
    fn simple_line(&mut self) -> Parse<StmtKind> {
        if self.place == Place::Activity && self.at_word_then("async_complete", TokenKind::Newline) {
            return self.async_complete();
        }
        let target = self.expr()?;
        if self.kind().is_assignment() {
            return self.assign(target);
        }
        if !matches!(target.kind, ExprKind::Call(..)) {
            let message = "this line is neither an assignment nor a call";
            let rest = if self.at(TokenKind::Newline) { target.span } else { self.next_span() };
            return Err(self.syntax(rest, message));
        }
        self.end_of_line()?;
        Ok(StmtKind::Expr(target))
    }

    /// A line of its own in an activity body: the activity is completed from elsewhere.
    fn async_complete(&mut self) -> Parse<StmtKind> {
        self.extension(self.next_span(), "`async_complete`");
        let name = self.any_name("a name")?;
        self.end_of_line()?;
        let callee = Expr { kind: ExprKind::Name(name.name), span: name.span };
        let call = ExprKind::Call(Box::new(callee), Vec::new());
        Ok(StmtKind::Expr(Expr { kind: call, span: name.span }))
    }

    fn assign(&mut self, target: Expr) -> Parse<StmtKind> {
        let span = target.span;
        let Some(place) = as_place(target) else {
            return Err(self.syntax(span, "only a variable, a field or an item can be assigned"));
        };
        let op = match self.bump().kind {
            TokenKind::AddAssign => AssignOp::Add,
            TokenKind::SubAssign => AssignOp::Sub,
            TokenKind::MulAssign => AssignOp::Mul,
            TokenKind::DivAssign => AssignOp::Div,
            _ => AssignOp::Set,
        };
        if op == AssignOp::Set && self.place.is_durable() && self.is_assigned_call() {
            return self.assigned_call(span, place);
        }
        let value = self.expr()?;
        self.end_of_line()?;
        self.note_index(&place);
        Ok(StmtKind::Assign(place, op, value))
    }

    fn note_index(&mut self, place: &LValue) {
        use crate::twf::ast::PathStep;
        if let Some(PathStep::Index(index)) =
            place.path.iter().find(|step| matches!(step, PathStep::Index(_)))
        {
            self.extension(index.span, "an index in a place");
        }
    }

    /// `'close' ( 'complete' | 'fail' | 'continue_as_new' ) args? NL`, and the older forms with a bare value.
    fn close(&mut self) -> Parse<StmtKind> {
        let start = self.at;
        self.bump();
        let kind = match self.word() {
            "fail" => CloseKind::Fail,
            "complete" => CloseKind::Complete,
            "continue_as_new" => CloseKind::ContinueAsNew,
            _ => return self.old_close(start),
        };
        if matches!(self.nth(1), TokenKind::Dot) {
            return self.old_close(start);
        }
        self.bump();
        let args = match self.kind() {
            TokenKind::OpenParen => self.args()?,
            TokenKind::Newline | TokenKind::End => Vec::new(),
            _ => vec![self.bare_close_value(start, kind)?],
        };
        self.end_of_line()?;
        Ok(StmtKind::Close(kind, args))
    }

    /// Options of a call in the line before it; with no call after them they are defaults or mean nothing.
    fn options_before(&mut self, out: &mut Block) {
        let line = self.line_start;
        let entries = self.bracketed_options().and_then(|entries| self.end_of_line().map(|()| entries));
        let Ok(entries) = entries else {
            self.skip_line_and_block();
            return;
        };
        let span = self.span(line, self.tokens.get(self.at.saturating_sub(2)).map_or(line, |t| t.end));
        let before = out.len();
        let next = self.token(0);
        let can_follow = !matches!(next.kind, TokenKind::Dedent | TokenKind::End | TokenKind::Indent)
            && !self.at_word("options");
        if can_follow && self.place.is_durable() {
            self.line_start = next.start;
            self.statement(out);
        }
        self.attach_options(span, entries, out, before);
    }

    fn attach_options(
        &mut self,
        span: crate::text::source::Span,
        entries: Vec<OptionEntry>,
        out: &mut Block,
        before: usize,
    ) {
        let indent = self.indent_of(span.start).to_string();
        if let Some(stmt) = out.get_mut(before)
            && let Some(call) = super::old_call::call_of(&mut stmt.kind)
        {
            let fix = stmt.span;
            let block = self.options_under(&entries, &indent);
            let replacement = format!("{}{block}", self.slice(fix));
            self.legacy_pair(span, span.to(fix), &replacement);
            call.options.splice(0..0, entries);
            return;
        }
        // Only directly in a workflow or activity: a nested block has no defaults of its own.
        if before == 0 && self.nesting == 1 {
            let lines = self.options_at("default_options", &entries, &indent);
            self.legacy(span, "`options(..)` of a definition", &lines);
            self.head_options.extend(entries);
            return;
        }
        let message = "these options have no effect: no call follows them";
        let edit = self.remove_lines(span);
        let diagnostic = Diagnostic::warning("LEGACY_SYNTAX", span, message);
        self.report(diagnostic.help("leave them out").fix_all(vec![edit], "leave them out"));
    }
}

/// An error about opaque text.
fn raw(error: &Diagnostic, severity: Severity) -> Diagnostic {
    let message = format!("this line cannot be read as a statement: {}", error.message);
    let diagnostic = Diagnostic::new(severity, "RAW_STATEMENT", error.span, message);
    match severity {
        Severity::Error => diagnostic.help("a line is an assignment, a call, or begins with a keyword"),
        _ => diagnostic.note("the body of this activity is kept as documentation and cannot run by itself"),
    }
}

/// What to write instead of words of other languages.
fn foreign_word(word: &str) -> Option<String> {
    let help = match word {
        "while" => "write `for (condition):`",
        "let" | "var" | "const" => "variables are assigned without a keyword: `name = value`",
        "def" | "function" | "func" | "fn" => "what is called stands in an activity of its own",
        "print" => "write `log(..)`",
        _ => return None,
    };
    Some(help.to_string())
}

/// The production of a statement that always holds a block.
///
/// Productions are chosen as functions and called in one place: a `match` that calls each of them would need,
/// without optimisation, room on the stack for the results of all, once for every level of nesting.
fn with_block<'t>(word: &str) -> Option<fn(&mut Parser<'t>) -> StmtKind> {
    Some(match word {
        "if" => Parser::if_stmt,
        "switch" => Parser::switch_stmt,
        "try" => Parser::try_stmt,
        _ => return None,
    })
}

/// The production of any other statement.
fn one_line<'t>(word: &str) -> Option<fn(&mut Parser<'t>) -> Parse<StmtKind>> {
    Some(match word {
        "activity" | "workflow" | "nexus" | "child" => Parser::call_stmt,
        "detach" => Parser::detach,
        "spawn" => Parser::spawn,
        "promise" => Parser::promise,
        "await" => Parser::await_stmt,
        "set" | "unset" => Parser::condition_set,
        "cancel" => Parser::cancel,
        "for" => Parser::for_stmt,
        "close" => Parser::close,
        "return" => Parser::return_stmt,
        "break" | "continue" => Parser::loop_exit,
        "raise" | "reject" => Parser::raise,
        "heartbeat" => Parser::heartbeat,
        "pass" => Parser::pass,
        _ => return None,
    })
}

fn is_durable_word(word: &str) -> bool {
    matches!(
        word,
        "activity"
            | "workflow"
            | "nexus"
            | "child"
            | "detach"
            | "spawn"
            | "promise"
            | "await"
            | "set"
            | "unset"
            | "signal"
            | "query"
            | "update"
            | "close"
            | "timer"
            | "continue_as_new"
            | "hint"
            | "parallel"
            | "select"
            | "cancel"
            | "try"
    )
}
