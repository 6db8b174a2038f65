//! What runs can be searched by: typed attributes, and the filter, order and grouping of lists.
//!
//! A filter is read in three steps: [`token`] makes words of text, [`parse`] a tree of words, [`check`] a typed
//! [`filter::Filter`] by the [`schema::Schema`] of a namespace. The typed form is evaluated here in memory and translated
//! to SQL by the embedded store; both give the same answers.

mod check;
pub mod cursor;
pub mod error;
pub mod filter;
mod literal;
pub mod order;
mod parse;
pub mod query;
pub mod schema;
mod token;
pub mod value;

pub use check::{count_query, list_query};
pub use cursor::Cursor;
pub use error::FilterError;
pub use filter::{Comparison, Filter, Scalar, Test};
pub(crate) use literal::unit_micros;
pub use order::{Direction, Order};
pub use query::{Group, RunCount, RunQuery};
pub use schema::{Attribute, Schema, SystemAttribute};
pub use value::{AttributeType, AttributeValue, Attributes};
