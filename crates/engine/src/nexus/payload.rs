//! The input of an operation, as whoever calls from outside sends it.

use nexus_kernel::Json;
use nexus_lang::twf::program::ParamInfo;
use serde_json::{Map, json};

/// The input of an operation that takes one value of any kind: a payload which is a list or an empty object is that value, and
/// not the arguments by position or by name, as it would be read otherwise.
pub(crate) fn whole(parameters: &[ParamInfo], input: Json) -> Json {
    let is_read_otherwise = input.is_array() || input.as_object().is_some_and(Map::is_empty);
    match parameters {
        [only] if is_read_otherwise && only.type_text == "any" => json!({ only.name.as_str(): input }),
        _ => input,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_of_any_kind_is_never_taken_apart() {
        let parameter = |name: &str, kind: &str| ParamInfo {
            name: name.into(),
            type_text: kind.into(),
            required: true,
            default: None,
        };
        let any = [parameter("a", "any")];
        assert_eq!(whole(&any, json!([1])), json!({ "a": [1] }));
        assert_eq!(whole(&any, json!({})), json!({ "a": {} }));
        for value in [json!({ "a": 1 }), json!({ "b": 1 }), json!(1), Json::Null] {
            assert_eq!(whole(&any, value.clone()), value);
        }
        assert_eq!(whole(&[parameter("a", "int")], json!([1])), json!([1]));
        assert_eq!(whole(&[parameter("a", "any"), parameter("b", "any")], json!([1, 2])), json!([1, 2]));
    }
}
