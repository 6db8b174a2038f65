//! Validation: an input fits its operation's JSON Schema, or the caller learns where it does not.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jsonschema::Validator;
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::operation::Operation;

use crate::limits::FAULTS_MAX;
use crate::schema;
use crate::stage::faults;

/// Compiled schemas. An operation is compiled when it is first called and forgotten once the catalogue has dropped it.
#[derive(Default)]
pub(crate) struct Validators {
    compiled: RwLock<HashMap<usize, Compiled>>,
}

/// Holding the operation keeps its address, the key, from being given to another one.
struct Compiled {
    operation: Arc<Operation>,
    validator: Arc<Validator>,
}

impl Validators {
    /// Checks an input.
    pub(crate) fn check(&self, operation: &Arc<Operation>, input: &Json) -> Result<(), Error> {
        let validator = self.validator(operation)?;
        if validator.is_valid(input) {
            return Ok(());
        }
        Err(invalid(operation, &validator, input))
    }

    fn validator(&self, operation: &Arc<Operation>) -> Result<Arc<Validator>, Error> {
        let key = Arc::as_ptr(operation).addr();
        let compiled = self.compiled.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = compiled.get(&key) {
            return Ok(Arc::clone(&found.validator));
        }
        drop(compiled);
        let validator = Arc::new(compile(operation)?);
        let mut compiled = self.compiled.write().unwrap_or_else(PoisonError::into_inner);
        compiled.retain(|_, held| Arc::strong_count(&held.operation) > 1);
        let entry = Compiled { operation: Arc::clone(operation), validator: Arc::clone(&validator) };
        compiled.insert(key, entry);
        Ok(validator)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.compiled.read().unwrap().len()
    }
}

fn compile(operation: &Operation) -> Result<Validator, Error> {
    schema::compile(&operation.input).map_err(|error| {
        Error::internal(format!("the input schema of {} is not valid: {error}", operation.id()))
    })
}

fn invalid(operation: &Operation, validator: &Validator, input: &Json) -> Error {
    let found = faults::of(validator.iter_errors(input), &operation.input);
    let counted = match found.len() {
        1 => "one fault".to_owned(),
        many if many > FAULTS_MAX => format!("more than {FAULTS_MAX} faults"),
        many => format!("{many} faults"),
    };
    let help = if operation.is_workflow() {
        format!("`nexus workflow show {}` shows the schema", operation.name)
    } else {
        "`GET /v1/operations` shows the schema".to_owned()
    };
    let message = format!("the input does not fit {}: {counted}", operation.id());
    let error = Error::new(&code::INPUT_INVALID, message).help(help);
    found.into_iter().take(FAULTS_MAX).fold(error, |error, fault| error.fault(fault.at, fault.message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_kernel::BoxFuture;
    use nexus_kernel::call::{Answer, CallContext};
    use nexus_kernel::operation::Effect;
    use serde_json::json;

    fn operation(input: Json) -> Arc<Operation> {
        let handler = |input: Json, _: CallContext| -> BoxFuture<'static, Result<Answer, Error>> {
            Box::pin(async { Ok(Answer::of(input)) })
        };
        Arc::new(Operation {
            contract: nexus_kernel::contract::Contract::default(),
            input_bytes_max: nexus_kernel::limits::PAYLOAD_BYTES_MAX,
            name: "test.op".into(),
            namespace: None,
            title: String::new(),
            doc: String::new(),
            input,
            output: Json::Null,
            effect: Effect::Read,
            permission: String::new(),
            defined_at: None,
            handler: Arc::new(handler),
        })
    }

    fn order_schema() -> Json {
        json!({
            "type": "object",
            "properties": {
                "amount": { "type": "integer", "minimum": 1 },
                "status": { "enum": ["open", "closed"] },
                "note": { "anyOf": [{ "type": "string", "maxLength": 3 }, { "type": "null" }] },
                "items": { "type": "array", "items": { "$ref": "#/$defs/Item" } },
            },
            "required": ["amount"],
            "additionalProperties": false,
            "$defs": { "Item": {
                "type": "object", "properties": { "sku": { "type": "string" } }, "additionalProperties": false,
            } },
        })
    }

    fn faults(input: Json) -> Vec<String> {
        let error = Validators::default().check(&operation(order_schema()), &input).unwrap_err();
        assert_eq!(error.code().id, "NX-2001");
        error.faults().iter().map(|fault| format!("{}: {}", fault.at, fault.message)).collect()
    }

    #[test]
    fn faults_say_where_and_what() {
        let amount = "/amount: is a string, but should be an integer";
        assert_eq!(faults(json!({ "amount": "7" })), [amount]);
        assert_eq!(faults(json!({})), ["/amount: is required"]);
        assert_eq!(faults(json!([])), [": is an array, but should be an object"]);
        assert_eq!(faults(json!({ "amount": 0 })), ["/amount: the value is less than the minimum of 1"]);
    }

    #[test]
    fn typing_errors_get_a_suggestion() {
        let input = json!({ "amount": 1, "status": "opn", "nots": "x" });
        assert_eq!(
            faults(input),
            [
                "/status: is none of \"open\", \"closed\"; did you mean \"open\"?",
                "/nots: there is no such field; did you mean \"note\"?",
            ]
        );
        let nested = faults(json!({ "amount": 1, "items": [{ "sk": "a" }] }));
        assert_eq!(nested, ["/items/0/sk: there is no such field; did you mean \"sku\"?"]);
        let strange = faults(json!({ "amount": 1, "a/b~": 1 }));
        assert_eq!(strange, ["/a~1b~0: there is no such field; the fields are amount, status, note, items"]);
    }

    #[test]
    fn the_alternative_that_was_meant_tells_the_fault() {
        let note = "/note: the value is longer than 3 characters";
        assert_eq!(faults(json!({ "amount": 1, "note": "long" })), [note]);
        let neither = faults(json!({ "amount": 1, "note": 5 }));
        assert_eq!(neither, ["/note: is an integer, but should be a string or null"]);
    }

    #[test]
    fn many_faults_are_cut_off() {
        let items: Vec<_> = (0..100).collect();
        assert_eq!(faults(json!({ "amount": 1, "items": items })).len(), FAULTS_MAX);
    }

    #[test]
    fn dropped_operations_are_forgotten() {
        let validators = Validators::default();
        let first = operation(order_schema());
        validators.check(&first, &json!({ "amount": 1 })).unwrap();
        drop(first);
        let second = operation(json!({ "type": "object" }));
        validators.check(&second, &json!({ "amount": "free" })).unwrap();
        assert_eq!(validators.len(), 1);
    }

    #[test]
    fn a_broken_schema_is_our_fault_and_not_a_panic() {
        let error = Validators::default().check(&operation(json!({ "type": 7 })), &json!({})).unwrap_err();
        assert_eq!(error.code().id, "NX-9001");
        let remote = operation(json!({ "$ref": "http://127.0.0.1:1/schema.json" }));
        assert!(Validators::default().check(&remote, &json!({})).is_err(), "nothing is fetched");
    }
}
