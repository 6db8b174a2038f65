//! Expressions, by the precedence of the language page, section 9.4.

use super::{EXPRESSION_HEIGHT_MAX, Parse, Parser, Role};
use crate::text::source::Span;
use crate::twf::ast::{Arg, BinaryOp, Expr, ExprKind, Ident};
use crate::twf::token::{Token, TokenKind};

/// An expression with the height of its tree, which bounds the stack of everything that walks it.
pub(super) struct Tall {
    expr: Expr,
    height: u32,
}

/// How strongly operators bind; a level holds what binds equally.
mod level {
    pub(super) const CONDITIONAL: u8 = 0;
    pub(super) const COALESCE: u8 = 1;
    pub(super) const OR: u8 = 2;
    pub(super) const AND: u8 = 3;
    pub(super) const NOT: u8 = 4;
    pub(super) const COMPARE: u8 = 5;
    pub(super) const RANGE: u8 = 6;
    pub(super) const SUM: u8 = 7;
    pub(super) const TERM: u8 = 8;
}

impl Parser<'_> {
    /// `lambda | cond_expr`.
    pub(super) fn expr(&mut self) -> Parse<Expr> {
        self.tall().map(|tall| tall.expr)
    }

    fn tall(&mut self) -> Parse<Tall> {
        self.nested(|p| if p.is_lambda() { p.lambda() } else { p.conditional() })
    }

    /// `NAME '=>'` or `'(' NAME ( ',' NAME )* ')' '=>'`.
    fn is_lambda(&self) -> bool {
        if self.at(TokenKind::Name) {
            return self.nth(1) == TokenKind::FatArrow;
        }
        if !self.at(TokenKind::OpenParen) {
            return false;
        }
        let mut ahead = 1;
        while self.nth(ahead) == TokenKind::Name && self.nth(ahead + 1) == TokenKind::Comma {
            ahead += 2;
        }
        let closes = self.nth(ahead) == TokenKind::Name && self.nth(ahead + 1) == TokenKind::CloseParen;
        closes && self.nth(ahead + 2) == TokenKind::FatArrow
    }

    fn lambda(&mut self) -> Parse<Tall> {
        let start = self.next_span();
        let is_list = self.eat(TokenKind::OpenParen);
        let mut params = vec![self.any_name("a parameter")?];
        while self.eat(TokenKind::Comma) {
            params.push(self.any_name("a parameter")?);
        }
        if is_list {
            self.expect(TokenKind::CloseParen, "the parameters")?;
        }
        self.expect(TokenKind::FatArrow, "the parameters")?;
        let body = self.tall()?;
        let span = start.to(body.expr.span);
        self.node(ExprKind::Lambda(params, Box::new(body.expr)), span, body.height)
    }

    /// `coalesce ( 'if' coalesce 'else' expr )?`.
    fn conditional(&mut self) -> Parse<Tall> {
        let then = self.binary(level::COALESCE)?;
        if !self.at_word("if") {
            return Ok(then);
        }
        self.extension(self.next_span(), "`a if c else b`");
        self.mark(self.at, Role::Operator(level::CONDITIONAL));
        self.bump();
        let condition = self.binary(level::COALESCE)?;
        self.mark(self.at, Role::Operator(level::CONDITIONAL));
        self.expect_word("else", "the condition")?;
        let otherwise = self.tall()?;
        let span = then.expr.span.to(otherwise.expr.span);
        let height = then.height.max(condition.height).max(otherwise.height);
        let kind = ExprKind::If(Box::new(condition.expr), Box::new(then.expr), Box::new(otherwise.expr));
        self.node(kind, span, height)
    }

    /// Operands and operators that bind at least as strongly as `min`.
    fn binary(&mut self, min: u8) -> Parse<Tall> {
        let mut left = if min <= level::NOT && self.is_not() { self.not()? } else { self.unary()? };
        while let Some((op, level, tokens)) = self.operator().filter(|(_, level, _)| *level >= min) {
            self.mark_operator(level);
            for _ in 0..tokens {
                self.bump();
            }
            let right = self.nested(|p| p.binary(level + 1))?;
            let span = left.expr.span.to(right.expr.span);
            let height = left.height.max(right.height);
            left =
                self.node(ExprKind::Binary(op, Box::new(left.expr), Box::new(right.expr)), span, height)?;
            self.forbid_chain(level)?;
        }
        Ok(left)
    }

    /// `a < b < c` and `1..2..3` have no meaning.
    fn forbid_chain(&mut self, level: u8) -> Parse<()> {
        let is_chain = matches!(level, level::COMPARE | level::RANGE)
            && self.operator().is_some_and(|(_, next, _)| next == level);
        if !is_chain {
            return Ok(());
        }
        let help = if level == level::COMPARE { "write `a < b and b < c`" } else { "use brackets" };
        let message = format!("{} cannot be chained", self.found());
        Err(self.syntax_help(self.next_span(), message, Some(help.to_string())))
    }

    fn is_not(&self) -> bool {
        self.at_word("not") || self.at(TokenKind::Bang)
    }

    /// `( 'not' | '!' ) not_e`.
    fn not(&mut self) -> Parse<Tall> {
        let start = self.next_span();
        if self.at(TokenKind::Bang) {
            self.mark_prefix();
        }
        self.bump();
        let inner = self.nested(|p| p.binary(level::NOT))?;
        let span = start.to(inner.expr.span);
        self.node(ExprKind::Not(Box::new(inner.expr)), span, inner.height)
    }

    /// The operator that stands here: what it is, how strongly it binds, how many tokens it has.
    fn operator(&self) -> Option<(BinaryOp, u8, usize)> {
        let (op, level) = match self.kind() {
            TokenKind::Name => return self.word_operator(),
            TokenKind::Coalesce => (BinaryOp::Coalesce, level::COALESCE),
            TokenKind::OrOr => (BinaryOp::Or, level::OR),
            TokenKind::AndAnd => (BinaryOp::And, level::AND),
            TokenKind::EqEq => (BinaryOp::Eq, level::COMPARE),
            TokenKind::NotEq => (BinaryOp::Ne, level::COMPARE),
            TokenKind::Lt => (BinaryOp::Lt, level::COMPARE),
            TokenKind::Le => (BinaryOp::Le, level::COMPARE),
            TokenKind::Gt => (BinaryOp::Gt, level::COMPARE),
            TokenKind::Ge => (BinaryOp::Ge, level::COMPARE),
            // Cut in two when it is taken.
            TokenKind::BackArrow => return Some((BinaryOp::Lt, level::COMPARE, 0)),
            TokenKind::DotDot => (BinaryOp::Range, level::RANGE),
            TokenKind::Plus => (BinaryOp::Add, level::SUM),
            TokenKind::Minus => (BinaryOp::Sub, level::SUM),
            TokenKind::Star => (BinaryOp::Mul, level::TERM),
            TokenKind::Slash => (BinaryOp::Div, level::TERM),
            TokenKind::SlashSlash => (BinaryOp::IntDiv, level::TERM),
            TokenKind::Percent => (BinaryOp::Rem, level::TERM),
            _ => return None,
        };
        Some((op, level, 1))
    }

    fn word_operator(&self) -> Option<(BinaryOp, u8, usize)> {
        match self.word() {
            "or" => Some((BinaryOp::Or, level::OR, 1)),
            "and" => Some((BinaryOp::And, level::AND, 1)),
            "in" => Some((BinaryOp::In, level::COMPARE, 1)),
            "not" if self.nth_word(1) == "in" => Some((BinaryOp::NotIn, level::COMPARE, 2)),
            _ => None,
        }
    }

    /// Notes the operator that is about to be taken. Inside an expression `a<-b` compares with `-b`: that
    /// token is cut in two.
    fn mark_operator(&mut self, level: u8) {
        let at = self.at;
        if self.at(TokenKind::BackArrow) {
            if let Some(token) = self.tokens.get_mut(at) {
                *token = Token { kind: TokenKind::Minus, start: token.start + 1, end: token.end };
            }
            self.mark(at, Role::Split);
        } else if level <= level::AND {
            self.mark(at, Role::Operator(level));
        }
    }

    /// A sign stands close to its operand.
    fn mark_prefix(&mut self) {
        if self.at(TokenKind::Minus) && self.roles.get(self.at) == Some(&Role::Split) {
            return;
        }
        self.mark(self.at, Role::Prefix);
    }

    /// `'-' unary | postfix`.
    fn unary(&mut self) -> Parse<Tall> {
        let start = self.next_span();
        match self.kind() {
            TokenKind::Minus if self.smallest_int() => {
                self.mark_prefix();
                self.bump();
                let digits = self.bump();
                let end = self.span_of(digits);
                self.node(ExprKind::Int(i64::MIN), start.to(end), 0)
            }
            TokenKind::Minus => {
                self.mark_prefix();
                self.bump();
                let inner = self.nested(Parser::unary)?;
                let span = start.to(inner.expr.span);
                self.node(ExprKind::Neg(Box::new(inner.expr)), span, inner.height)
            }
            TokenKind::Bang => {
                self.mark_prefix();
                self.bump();
                let inner = self.nested(Parser::unary)?;
                let span = start.to(inner.expr.span);
                self.node(ExprKind::Not(Box::new(inner.expr)), span, inner.height)
            }
            _ => self.postfix(),
        }
    }

    /// `primary ( '.' NAME | '?.' NAME | '[' expr ']' | args )*`.
    fn postfix(&mut self) -> Parse<Tall> {
        let mut left = self.primary()?;
        loop {
            let start = left.expr.span;
            let (kind, height) = match self.kind() {
                TokenKind::Dot => {
                    self.bump();
                    let field = self.any_name("the name of a field")?;
                    (ExprKind::Field(Box::new(left.expr), field), left.height)
                }
                TokenKind::OptDot => {
                    self.bump();
                    let field = self.any_name("the name of a field")?;
                    (ExprKind::OptField(Box::new(left.expr), field), left.height)
                }
                TokenKind::OpenBracket => {
                    self.mark_tight();
                    self.bump();
                    let index = self.tall()?;
                    self.expect(TokenKind::CloseBracket, "the index")?;
                    let height = left.height.max(index.height);
                    (ExprKind::Index(Box::new(left.expr), Box::new(index.expr)), height)
                }
                TokenKind::OpenParen => self.call_of(left)?,
                _ => return Ok(left),
            };
            let end = self.span_since(self.at.saturating_sub(1));
            left = self.node(kind, start.to(end), height)?;
        }
    }

    fn call_of(&mut self, callee: Tall) -> Parse<(ExprKind, u32)> {
        let is_callable =
            matches!(callee.expr.kind, ExprKind::Name(_) | ExprKind::Field(..) | ExprKind::OptField(..));
        if !is_callable {
            return Err(self.syntax(callee.expr.span, "only a name or a method can be called"));
        }
        let (args, height) = self.tall_args()?;
        Ok((ExprKind::Call(Box::new(callee.expr), args), height.max(callee.height)))
    }

    /// `'(' ( arg ( ',' arg )* )? ')'`.
    pub(super) fn args(&mut self) -> Parse<Vec<Arg>> {
        self.tall_args().map(|(args, _)| args)
    }

    fn tall_args(&mut self) -> Parse<(Vec<Arg>, u32)> {
        self.mark_tight();
        self.expect(TokenKind::OpenParen, "the name")?;
        let mut args = Vec::new();
        let mut height = 0;
        while !self.at(TokenKind::CloseParen) {
            let name = self.argument_name()?;
            let value = self.tall()?;
            height = height.max(value.height);
            args.push(Arg { name, value: value.expr });
            if !self.comma() {
                break;
            }
        }
        self.close_list(TokenKind::CloseParen, "an argument")?;
        Ok((args, height))
    }

    /// `NAME ':'`, older `NAME '='`.
    fn argument_name(&mut self) -> Parse<Option<Ident>> {
        let is_named =
            self.at(TokenKind::Name) && matches!(self.nth(1), TokenKind::Colon | TokenKind::Assign);
        if !is_named {
            return Ok(None);
        }
        let name = self.any_name("an argument")?;
        if self.at(TokenKind::Assign) {
            self.legacy(self.next_span(), "`=` after the name of an argument", ":");
        }
        self.bump();
        Ok(Some(name))
    }

    fn close_list(&mut self, closer: TokenKind, item: &str) -> Parse<()> {
        if self.eat(closer) { Ok(()) } else { Err(self.unexpected(&format!("`,` or {closer}"), item)) }
    }

    fn primary(&mut self) -> Parse<Tall> {
        let token = self.token(0);
        let span = self.span_of(token);
        let kind = match token.kind {
            TokenKind::Name => return self.name_or_constructor(),
            TokenKind::OpenParen => return self.bracketed(),
            TokenKind::OpenBracket => return self.list(),
            TokenKind::OpenBrace => return self.object(None, span),
            TokenKind::Number => {
                self.bump();
                self.number(token)?
            }
            TokenKind::Duration => {
                self.bump();
                self.duration(token)?
            }
            TokenKind::Str => {
                self.bump();
                ExprKind::Str(self.string_value(token).into())
            }
            TokenKind::Ellipsis => {
                self.bump();
                ExprKind::Ellipsis
            }
            _ => return Err(self.unexpected("an expression", "")),
        };
        self.node(kind, span, 0)
    }

    fn name_or_constructor(&mut self) -> Parse<Tall> {
        let kind = match self.word() {
            "and" | "or" | "not" | "in" | "if" | "else" => {
                return Err(self.unexpected("an expression", ""));
            }
            "true" => ExprKind::Bool(true),
            "false" => ExprKind::Bool(false),
            "null" | "None" => ExprKind::Null,
            name => ExprKind::Name(name.into()),
        };
        let name = self.any_name("a name")?;
        if self.at(TokenKind::OpenBrace) && matches!(kind, ExprKind::Name(_)) {
            let span = name.span;
            self.mark_tight();
            return self.object(Some(name), span);
        }
        self.node(kind, name.span, 0)
    }

    /// `'(' expr ')'`; the span takes the brackets in.
    fn bracketed(&mut self) -> Parse<Tall> {
        let start = self.next_span();
        self.bump();
        let mut inner = self.tall()?;
        let end = self.expect(TokenKind::CloseParen, "the expression")?;
        inner.expr.span = start.to(self.span_of(end));
        Ok(inner)
    }

    fn list(&mut self) -> Parse<Tall> {
        let start = self.next_span();
        self.bump();
        let mut items = Vec::new();
        let mut height = 0;
        while !self.at(TokenKind::CloseBracket) {
            let item = self.tall()?;
            height = height.max(item.height);
            items.push(item.expr);
            if !self.comma() {
                break;
            }
        }
        self.close_list(TokenKind::CloseBracket, "an item")?;
        let end = self.span_since(self.at.saturating_sub(1));
        self.node(ExprKind::List(items), start.to(end), height)
    }

    /// `NAME? '{' ( field ( ',' field )* )? '}'`; `...` in it is a placeholder for fields that are not shown.
    fn object(&mut self, label: Option<Ident>, start: Span) -> Parse<Tall> {
        self.bump();
        let mut fields = Vec::new();
        let mut height = 0;
        while !self.at(TokenKind::CloseBrace) {
            if !self.eat(TokenKind::Ellipsis) {
                let (name, value) = self.field()?;
                height = height.max(value.height);
                fields.push((name, value.expr));
            }
            if !self.comma() {
                break;
            }
        }
        self.close_list(TokenKind::CloseBrace, "a field")?;
        let end = self.span_since(self.at.saturating_sub(1));
        self.node(ExprKind::Object(label, fields), start.to(end), height)
    }

    /// `( NAME | STRING ) ( ':' expr )?`; a name alone stands for the variable of that name.
    fn field(&mut self) -> Parse<(Ident, Tall)> {
        let token = self.token(0);
        let name = if token.kind == TokenKind::Str {
            self.bump();
            Ident { name: self.string_value(token).into(), span: self.span_of(token) }
        } else {
            self.any_name("the name of a field")?
        };
        if self.eat(TokenKind::Colon) {
            return Ok((name, self.tall()?));
        }
        if token.kind == TokenKind::Str {
            return Err(self.unexpected("`:`", "the name of a field"));
        }
        let value = Expr { kind: ExprKind::Name(name.name.clone()), span: name.span };
        Ok((name, Tall { expr: value, height: 0 }))
    }

    /// A node over parts of at most this height.
    fn node(&mut self, kind: ExprKind, span: Span, parts: u32) -> Parse<Tall> {
        let height = parts + 1;
        if height > EXPRESSION_HEIGHT_MAX {
            let message = format!("this expression has more than {EXPRESSION_HEIGHT_MAX} levels");
            return Err(self.syntax(span, message));
        }
        Ok(Tall { expr: Expr { kind, span }, height })
    }
}
