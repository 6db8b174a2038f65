//! Keys: what was asked, by whom and of which code, as one hash.
//!
//! Two calls share a key if and only if they are to have one answer. So nothing is left to chance about where one part ends
//! and the next begins, and about which texts stand for the same value: members of objects are put in order, and numbers
//! are kept apart as JSON writes them, because `1` and `1.0` can be different to a program.

use nexus_kernel::Json;
use nexus_kernel::cache::CacheRule;
use nexus_kernel::call::Caller;
use nexus_kernel::operation::Operation;
use ring::digest::{SHA256, digest};

/// What a change of this form makes worthless: all that was kept under keys of the form before.
const FORM: &str = "nexus cache key 1";

/// The key of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// The key of a call.
    pub(super) fn of(operation: &Operation, rule: &CacheRule, caller: &Caller, input: &Json) -> Key {
        let mut form = Form(Vec::with_capacity(256));
        form.text(FORM);
        form.text(operation.namespace.as_ref().map_or("", |namespace| namespace.as_str()));
        form.text(&operation.name);
        form.text(&rule.code);
        if rule.is_public {
            form.0.push(b'p');
        } else {
            form.0.push(b'o');
            form.text(&caller.identity);
        }
        match &rule.key {
            None => form.value(input),
            Some(pointers) => {
                form.count(b'k', pointers.len());
                for pointer in pointers {
                    form.text(pointer);
                    match input.pointer(pointer) {
                        Some(part) => form.value(part),
                        None => form.0.push(b'x'),
                    }
                }
            }
        }
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, &form.0).as_ref());
        Key(key)
    }

    /// A number that is spread evenly over all keys.
    pub(super) fn spread(&self) -> usize {
        self.0.iter().take(4).fold(0, |number, byte| (number << 8) | usize::from(*byte))
    }

    /// Hexadecimal digits.
    pub(super) fn text(&self) -> String {
        hex(&self.0)
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}"); // a string takes everything
    }
    text
}

/// A value in the one form that it has. Every part begins with its kind and, where it is not of one length, with that.
struct Form(Vec<u8>);

impl Form {
    fn count(&mut self, kind: u8, count: usize) {
        self.0.push(kind);
        self.0.extend(u64::try_from(count).unwrap_or(u64::MAX).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(b's', text.len());
        self.0.extend(text.as_bytes());
    }

    fn value(&mut self, value: &Json) {
        match value {
            Json::Null => self.0.push(b'n'),
            Json::Bool(true) => self.0.push(b't'),
            Json::Bool(false) => self.0.push(b'f'),
            Json::Number(number) => {
                let text = number.to_string();
                self.count(b'd', text.len());
                self.0.extend(text.as_bytes());
            }
            Json::String(text) => self.text(text),
            Json::Array(items) => {
                self.count(b'a', items.len());
                for item in items {
                    self.value(item);
                }
            }
            Json::Object(members) => {
                self.count(b'm', members.len());
                let mut members: Vec<_> = members.iter().collect();
                members.sort_unstable_by_key(|(name, _)| *name);
                for (name, value) in members {
                    self.text(name);
                    self.value(value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use nexus_kernel::id::Namespace;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::cache::tests::workflow;

    fn caller(identity: &str) -> Caller {
        Caller { identity: identity.into(), ..Caller::anonymous() }
    }

    fn rule() -> CacheRule {
        CacheRule {
            ttl: Duration::from_mins(1),
            stale: Duration::ZERO,
            is_public: false,
            tags: Vec::new(),
            key: None,
            code: "a".into(),
        }
    }

    fn key(rule: &CacheRule, input: &Json) -> Key {
        Key::of(&workflow("shop", "Price"), rule, &caller("key:a"), input)
    }

    #[test]
    fn whose_it_is_and_what_made_it_are_in_the_key() {
        let (rule, input) = (rule(), json!({ "n": 1 }));
        let own = key(&rule, &input);
        let of = |operation: &Operation, rule: &CacheRule, who: &str| {
            Key::of(operation, rule, &caller(who), &input)
        };
        let price = workflow("shop", "Price");
        assert_eq!(of(&price, &rule, "key:a"), own);
        assert_ne!(of(&price, &rule, "key:b"), own);
        assert_ne!(of(&workflow("bank", "Price"), &rule, "key:a"), own);
        assert_ne!(of(&workflow("shop", "Prices"), &rule, "key:a"), own);
        assert_ne!(of(&price, &CacheRule { code: "b".into(), ..rule.clone() }, "key:a"), own);
        let public = CacheRule { is_public: true, ..rule.clone() };
        assert_ne!(of(&price, &public, "key:a"), own);
        assert_eq!(of(&price, &public, "key:a"), of(&price, &public, "key:b"));
        let mut moved = workflow("sho", "pPrice");
        moved.namespace = Some(Namespace::new("sho").unwrap());
        assert_ne!(of(&moved, &rule, "key:a"), own, "where one part ends is in the key");
    }

    #[test]
    fn only_what_matters_of_the_input_is_in_the_key() {
        let rule = CacheRule { key: Some(vec!["/id".into(), "/at/city".into()]), ..rule() };
        let base = key(&rule, &json!({ "id": 1, "at": { "city": "a" }, "trace": 1 }));
        assert_eq!(key(&rule, &json!({ "trace": 2, "at": { "city": "a", "x": 1 }, "id": 1 })), base);
        assert_ne!(key(&rule, &json!({ "id": 2, "at": { "city": "a" } })), base);
        let (none, null) = (json!({ "id": 1 }), json!({ "id": 1, "at": { "city": null } }));
        assert_ne!(key(&rule, &none), key(&rule, &null), "what is absent is not null");
    }

    #[test]
    fn numbers_are_as_they_are_written() {
        let of = |text: &str| key(&rule(), &serde_json::from_str(text).unwrap());
        assert_ne!(of("1"), of("1.0"));
        assert_ne!(of("1"), of("\"1\""));
        assert_eq!(of("1.0"), of("1.00"));
        assert_eq!(of("{\"a\":1,\"b\":[2]}"), of("{\"b\":[2],\"a\":1}"));
    }

    fn values() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            (-2_i64..3).prop_map(Json::from),
            (1_i32..3).prop_map(|number| Json::from(f64::from(number))),
            "[ab]{0,2}".prop_map(Json::from),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
                prop::collection::vec(("[ab]{0,2}", inner), 0..3)
                    .prop_map(|members| { Json::Object(members.into_iter().collect()) }),
            ]
        })
    }

    fn turned(value: &Json) -> Json {
        match value {
            Json::Array(items) => items.iter().map(turned).collect(),
            Json::Object(members) => Json::Object(
                members.iter().rev().map(|(name, value)| (name.clone(), turned(value))).collect(),
            ),
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn two_inputs_share_a_key_if_and_only_if_they_are_equal(left in values(), right in values()) {
            let rule = rule();
            prop_assert_eq!(key(&rule, &left) == key(&rule, &right), left == right);
            prop_assert_eq!(key(&rule, &turned(&left)), key(&rule, &left));
        }

        #[test]
        fn nothing_of_one_part_becomes_the_next(left in "[ab]{0,3}", right in "[ab]{0,3}", other in "[ab]{0,3}", last in "[ab]{0,3}") {
            let of = |code: &str, who: &str| {
                let rule = CacheRule { code: Arc::from(code), ..rule() };
                Key::of(&workflow("shop", "Price"), &rule, &caller(who), &Json::Null)
            };
            prop_assert_eq!(of(&left, &right) == of(&other, &last), (left, right) == (other, last));
        }
    }
}
