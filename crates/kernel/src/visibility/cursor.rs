//! The place where a page of a list ends. It holds the values of the last row, not a count of rows, so runs that come or
//! go between two pages move nothing.

use std::fmt::Write as _;

use serde_json::json;

use crate::Json;
use crate::code;
use crate::error::Error;
use crate::id::RunId;
use crate::visibility::filter::Scalar;
use crate::visibility::query::RunQuery;

/// A place in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor {
    /// The values that the row is sorted by.
    pub keys: Vec<Option<Scalar>>,
    /// The row's run.
    pub run_id: RunId,
}

impl Cursor {
    /// The cursor for callers, who can do nothing with it but hand it back with the same question.
    pub fn token(&self, query: &RunQuery) -> String {
        let keys: Vec<Json> =
            self.keys.iter().map(|key| key.as_ref().map_or(Json::Null, scalar_json)).collect();
        let text = json!([stamp(query), self.run_id, keys]).to_string();
        text.bytes().fold(String::with_capacity(text.len() * 2), |mut token, byte| {
            let _ = write!(token, "{byte:02x}"); // writing to a string cannot fail
            token
        })
    }

    /// Reads a token back. It must belong to the same question.
    pub fn read(token: &str, query: &RunQuery) -> Result<Cursor, Error> {
        let refused = |why: &str| {
            Error::new(&code::BAD_REQUEST, format!("the page token {why}"))
                .help("pass `next` of the page before as it was, with the same namespace, filter and order")
        };
        let (found, run_id, keys) = parts(token).ok_or_else(|| refused("is not one"))?;
        if found != stamp(query) || keys.len() != query.order.0.len() {
            return Err(refused("belongs to another list"));
        }
        Ok(Cursor { keys, run_id })
    }
}

fn parts(token: &str) -> Option<(String, RunId, Vec<Option<Scalar>>)> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Vec<u8> = token.as_bytes().chunks(2).map(byte).collect::<Option<_>>()?;
    let (stamp, run_id, keys): (String, String, Vec<Json>) = serde_json::from_slice(&bytes).ok()?;
    let keys = keys.iter().map(scalar).collect::<Result<_, ()>>().ok()?;
    Some((stamp, RunId::parse(&run_id).ok()?, keys))
}

fn scalar_json(scalar: &Scalar) -> Json {
    match scalar {
        Scalar::Text(text) => json!(text),
        Scalar::Int(number) => json!(number),
        Scalar::Double(number) => json!(number),
    }
}

fn scalar(value: &Json) -> Result<Option<Scalar>, ()> {
    match value {
        Json::Null => Ok(None),
        Json::String(text) => Ok(Some(Scalar::Text(text.clone()))),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Ok(Some(Scalar::Int(whole))),
            None => number.as_f64().map(|number| Some(Scalar::Double(number))).ok_or(()),
        },
        _ => Err(()),
    }
}

/// Differs for lists of other namespaces, filters and orders.
fn stamp(query: &RunQuery) -> String {
    let question = format!("{:?}", (&query.namespace, &query.filter, &query.order));
    crate::port::blob::Hash::of(question.as_bytes()).short().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_and_belong_to_their_question() {
        let query = RunQuery::default();
        let run_id = RunId::parse("run_0688ab1tdpv3h9m5x7cq2wnk4e").unwrap();
        let keys = vec![Some(Scalar::Int(-3)), None];
        let cursor = Cursor { keys, run_id };
        let token = cursor.token(&query);
        assert_eq!(Cursor::read(&token, &query).unwrap(), cursor);
        let other = RunQuery { namespace: Some(crate::id::Namespace::default()), ..RunQuery::default() };
        assert!(Cursor::read(&token, &other).unwrap_err().message().contains("another list"));
        for bad in ["", "zz", "5b5d", "é", &token[..20]] {
            assert!(Cursor::read(bad, &query).is_err(), "{bad}");
        }
    }
}
