//! From words to a tree. Nothing is known of names and types here.

use std::ops::Range;

use crate::visibility::error::FilterError;
use crate::visibility::filter::Comparison;
use crate::visibility::order::Direction;
use crate::visibility::token::{Placed, Token, tokens};

/// Deepest nesting of parentheses and NOT.
const DEPTH_MAX: usize = 50;

/// Most conditions of a filter: SQLite's own limit on nested expressions is 1000.
const CONDITIONS_MAX: usize = 200;

/// Most values of one list.
const VALUES_MAX: usize = 500;

/// A name and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

/// A value as it was written, and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Literal {
    pub(crate) value: Raw,
    pub(crate) span: Range<usize>,
}

/// A value as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Raw {
    Text(String),
    Number(String),
    Bool(bool),
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Test(Name, RawTest),
}

/// What is asked of one attribute. `bool` says whether the answer is turned around.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RawTest {
    Compare(Comparison, Literal),
    In(bool, Vec<Literal>),
    Between(bool, Literal, Literal),
    StartsWith(bool, Literal),
    IsNull(bool),
}

/// A whole filter.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) condition: Option<Node>,
    pub(crate) group_by: Vec<Name>,
    pub(crate) order_by: Vec<(Name, Direction)>,
}

/// Reads a filter.
pub(crate) fn parse(text: &str) -> Result<Parsed, FilterError> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, end: text.trim_end().len(), conditions: 0 };
    let mut parsed = Parsed::default();
    let is_tail = |parser: &Parser<'_>| parser.sees("GROUP") || parser.sees("ORDER");
    if !parser.is_done() && !is_tail(&parser) {
        parsed.condition = Some(parser.any(0)?);
    }
    if parser.word("GROUP") {
        parser.expect("BY")?;
        parsed.group_by = parser.names()?;
    }
    if parser.word("ORDER") {
        parser.expect("BY")?;
        parsed.order_by = parser.orders()?;
    }
    match parser.peek() {
        None => Ok(parsed),
        Some(_) => Err(parser.wanted("AND, OR or the end of the filter")),
    }
}

struct Parser<'a> {
    tokens: &'a [Placed],
    at: usize,
    end: usize,
    conditions: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Placed> {
        self.tokens.get(self.at)
    }

    fn is_done(&self) -> bool {
        self.peek().is_none()
    }

    fn place(&self) -> Range<usize> {
        self.peek().map_or(self.end..self.end, |(_, span)| span.clone())
    }

    fn sees(&self, word: &str) -> bool {
        matches!(self.peek(), Some((Token::Word(found), _)) if found.eq_ignore_ascii_case(word))
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.sees(word);
        self.at += usize::from(found);
        found
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some((Token::Sign(found), _)) if *found == sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, word: &str) -> Result<(), FilterError> {
        if self.word(word) || self.sign(word) { Ok(()) } else { Err(self.wanted(word)) }
    }

    fn wanted(&self, what: &str) -> FilterError {
        let found = match self.peek() {
            None => "the filter ends".to_owned(),
            Some((Token::Word(text) | Token::Number(text), _)) => format!("found {text:?}"),
            Some((Token::Name(text), _)) => format!("found `{text}`"),
            Some((Token::Text(text), _)) => format!("found the text {text:?}"),
            Some((Token::Sign(sign), _)) => format!("found {sign:?}"),
        };
        FilterError::new(self.place(), format!("expected {what}, {found}"))
    }

    fn any(&mut self, depth: usize) -> Result<Node, FilterError> {
        let mut parts = vec![self.all(depth)?];
        while self.word("OR") {
            parts.push(self.all(depth)?);
        }
        Ok(single(parts, Node::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Node, FilterError> {
        let mut parts = vec![self.one(depth)?];
        while self.word("AND") {
            parts.push(self.one(depth)?);
        }
        Ok(single(parts, Node::All))
    }

    fn one(&mut self, depth: usize) -> Result<Node, FilterError> {
        if depth > DEPTH_MAX {
            return Err(FilterError::new(self.place(), format!("nested more than {DEPTH_MAX} times")));
        }
        if self.word("NOT") {
            return Ok(Node::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.sign("(") {
            let inside = self.any(depth + 1)?;
            self.expect(")")?;
            return Ok(inside);
        }
        self.conditions += 1;
        if self.conditions > CONDITIONS_MAX {
            return Err(FilterError::new(self.place(), format!("more than {CONDITIONS_MAX} conditions")));
        }
        let name = self.name("the name of an attribute")?;
        Ok(Node::Test(name, self.test()?))
    }

    fn name(&mut self, what: &str) -> Result<Name, FilterError> {
        let Some((Token::Word(text) | Token::Name(text), span)) = self.peek() else {
            return Err(self.wanted(what));
        };
        let name = Name { text: text.clone(), span: span.clone() };
        self.at += 1;
        Ok(name)
    }

    fn test(&mut self) -> Result<RawTest, FilterError> {
        for (sign, comparison) in Comparison::SIGNS {
            if self.sign(sign) {
                return Ok(RawTest::Compare(comparison, self.literal()?));
            }
        }
        if self.word("IS") {
            let turned = self.word("NOT");
            self.expect("NULL")?;
            return Ok(RawTest::IsNull(turned));
        }
        let turned = self.word("NOT");
        if self.word("IN") {
            return Ok(RawTest::In(turned, self.list()?));
        }
        if self.word("BETWEEN") {
            let low = self.literal()?;
            self.expect("AND")?;
            return Ok(RawTest::Between(turned, low, self.literal()?));
        }
        if self.word("STARTS_WITH") {
            return Ok(RawTest::StartsWith(turned, self.literal()?));
        }
        Err(self.wanted("an operator: = != < <= > >= IN, BETWEEN, STARTS_WITH or IS NULL"))
    }

    fn list(&mut self) -> Result<Vec<Literal>, FilterError> {
        let start = self.place();
        self.expect("(")?;
        let mut values = vec![self.literal()?];
        while self.sign(",") {
            values.push(self.literal()?);
        }
        self.expect(")")?;
        if values.len() > VALUES_MAX {
            return Err(FilterError::new(start, format!("more than {VALUES_MAX} values in a list")));
        }
        Ok(values)
    }

    fn literal(&mut self) -> Result<Literal, FilterError> {
        let span = self.place();
        let value = match self.peek() {
            Some((Token::Text(text), _)) => Raw::Text(text.clone()),
            Some((Token::Number(text), _)) => Raw::Number(text.clone()),
            Some((Token::Word(word), _)) if word.eq_ignore_ascii_case("true") => Raw::Bool(true),
            Some((Token::Word(word), _)) if word.eq_ignore_ascii_case("false") => Raw::Bool(false),
            Some((Token::Word(word), _)) if word.eq_ignore_ascii_case("null") => {
                return Err(self.wanted("a value").help("use IS NULL or IS NOT NULL"));
            }
            Some((Token::Word(word), _)) => {
                let help = format!("texts need quotes: '{word}'");
                return Err(self.wanted("a value").help(help));
            }
            _ => return Err(self.wanted("a value")),
        };
        self.at += 1;
        Ok(Literal { value, span })
    }

    fn names(&mut self) -> Result<Vec<Name>, FilterError> {
        let mut names = vec![self.name("the name of an attribute")?];
        while self.sign(",") {
            names.push(self.name("the name of an attribute")?);
        }
        Ok(names)
    }

    fn orders(&mut self) -> Result<Vec<(Name, Direction)>, FilterError> {
        let mut orders = Vec::new();
        loop {
            let name = self.name("the name of an attribute")?;
            let descending = self.word("DESC");
            if !descending {
                self.word("ASC");
            }
            let direction = if descending { Direction::Descending } else { Direction::Ascending };
            orders.push((name, direction));
            if !self.sign(",") {
                return Ok(orders);
            }
        }
    }
}

/// One part needs no list around it.
fn single(mut parts: Vec<Node>, list: impl FnOnce(Vec<Node>) -> Node) -> Node {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            parts.push(last);
            list(parts)
        }
        (None, _) => list(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (usize, String) {
        let error = parse(text).unwrap_err();
        (error.column(text), error.message)
    }

    #[test]
    fn faults_name_the_place_and_what_was_expected() {
        let (column, message) = fault("WorkflowId = ");
        assert_eq!((column, message.as_str()), (13, "expected a value, the filter ends"));
        let (column, message) = fault("A = 'x' B = 'y'");
        assert_eq!(column, 9);
        assert_eq!(message, "expected AND, OR or the end of the filter, found \"B\"");
        assert_eq!(fault("A = x").0, 5);
        assert_eq!(fault("(A = 1").0, 7);
        assert_eq!(fault("A LIKE 'x'").0, 3);
        assert_eq!(fault("A IN ('x',)").0, 11);
        assert_eq!(fault("A = NULL").0, 5);
        assert_eq!(fault("A BETWEEN 1 2").0, 13);
        assert!(fault(&format!("{}A = 1", "(".repeat(60))).1.contains("nested"));
        assert!(fault(&vec!["A = 1"; 201].join(" AND ")).1.contains("200 conditions"));
    }

    #[test]
    fn and_binds_closer_than_or() {
        let parsed = parse("A = 1 OR NOT B = 2 AND C IS NOT NULL ORDER BY D desc, E").unwrap();
        let Some(Node::Any(parts)) = parsed.condition else { unreachable!("an OR at the top") };
        assert!(matches!(&parts[..], [Node::Test(..), Node::All(inner)] if inner.len() == 2));
        assert_eq!(parsed.order_by[0].1, Direction::Descending);
        assert_eq!(parsed.order_by[1].1, Direction::Ascending);
    }

    #[test]
    fn an_empty_filter_is_one() {
        assert!(parse("  ").unwrap().condition.is_none());
        assert_eq!(parse("group by ExecutionStatus").unwrap().group_by[0].text, "ExecutionStatus");
    }
}
