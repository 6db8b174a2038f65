//! What is wrong with a filter, and where.

use std::ops::Range;

use crate::code;
use crate::error::Error;

/// A fault of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// Bytes of the filter that it is about; empty at the end of the text.
    pub span: Range<usize>,
    /// What is wrong, lower-case without a full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl FilterError {
    /// A fault at a place.
    pub fn new(span: Range<usize>, message: impl Into<String>) -> FilterError {
        FilterError { span, message: message.into(), help: None }
    }

    /// Adds what to write instead.
    pub fn help(mut self, help: impl Into<String>) -> FilterError {
        self.help = Some(help.into());
        self
    }

    /// The column it begins at, in characters from 1.
    pub fn column(&self, text: &str) -> usize {
        text.get(..self.span.start).unwrap_or(text).chars().count() + 1
    }

    /// The error that callers see: the column in the message, and the filter with a mark under the place.
    pub fn told(&self, text: &str) -> Error {
        let column = self.column(text);
        let shown: String =
            text.chars().map(|character| if character.is_whitespace() { ' ' } else { character }).collect();
        let width = text.get(self.span.clone()).map_or(1, |part| part.chars().count().max(1));
        let mark = format!("{}{}", " ".repeat(column - 1), "^".repeat(width));
        let advice = self.help.clone().unwrap_or_else(|| {
            "filters look like: WorkflowType = 'Checkout' AND StartTime > '2026-01-01T00:00:00Z'".to_owned()
        });
        let message = format!("the filter has an error at column {column}: {}", self.message);
        Error::new(&code::FILTER_INVALID, message)
            .fault(format!("filter:1:{column}"), self.message.clone())
            .help(format!("{advice}\n    {shown}\n    {mark}"))
    }
}
