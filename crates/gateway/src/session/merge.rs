//! Merge patches (RFC 7396): an object changes the members that it names, null removes one, anything else replaces.

use nexus_kernel::Json;
use serde_json::Map;

/// The target with the patch applied.
pub(crate) fn apply(target: Json, patch: &Json) -> Json {
    let Json::Object(changes) = patch else { return patch.clone() };
    let mut members = match target {
        Json::Object(members) => members,
        _ => Map::new(),
    };
    for (name, change) in changes {
        // What stays keeps its place; a member that goes is taken out without moving others.
        let before = members.get_mut(name).map(Json::take);
        match change {
            Json::Null => drop(members.shift_remove(name)),
            change => drop(members.insert(name.clone(), apply(before.unwrap_or_default(), change))),
        }
    }
    Json::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_examples_of_the_rfc_hold() {
        for (target, patch, result) in [
            (json!({ "a": "b" }), json!({ "a": "c" }), json!({ "a": "c" })),
            (json!({ "a": "b" }), json!({ "b": "c" }), json!({ "a": "b", "b": "c" })),
            (json!({ "a": "b" }), json!({ "a": null }), json!({})),
            (json!({ "a": "b", "b": "c" }), json!({ "a": null }), json!({ "b": "c" })),
            (json!({ "a": ["b"] }), json!({ "a": "c" }), json!({ "a": "c" })),
            (json!({ "a": "c" }), json!({ "a": ["b"] }), json!({ "a": ["b"] })),
            (
                json!({ "a": { "b": "c" } }),
                json!({ "a": { "b": "d", "c": null } }),
                json!({ "a": { "b": "d" } }),
            ),
            (json!({ "a": [{ "b": "c" }] }), json!({ "a": [1] }), json!({ "a": [1] })),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({ "a": "b" }), json!(["c"]), json!(["c"])),
            (json!({ "a": "foo" }), json!(null), json!(null)),
            (json!({ "e": null }), json!({ "a": 1 }), json!({ "e": null, "a": 1 })),
            (json!([1, 2]), json!({ "a": "b", "c": null }), json!({ "a": "b" })),
            (json!({}), json!({ "a": { "bb": { "ccc": null } } }), json!({ "a": { "bb": {} } })),
        ] {
            assert_eq!(apply(target.clone(), &patch), result, "{target} with {patch}");
        }
    }

    fn value() -> impl Strategy<Value = Json> {
        let leaf =
            prop_oneof![Just(Json::Null), any::<i8>().prop_map(Json::from), "[a-c]".prop_map(Json::from)];
        leaf.prop_recursive(3, 16, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Json::Array),
                prop::collection::btree_map("[a-c]", inner, 0..3)
                    .prop_map(|members| Json::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_patch_applied_twice_is_applied_once(target in value(), patch in value()) {
            let once = apply(target, &patch);
            prop_assert_eq!(apply(once.clone(), &patch), once);
        }

        #[test]
        fn members_that_a_patch_does_not_name_stay(target in value(), patch in value()) {
            let (Json::Object(before), Json::Object(changes)) = (&target, &patch) else { return Ok(()) };
            let after = apply(target.clone(), &patch);
            for (name, kept) in before.iter().filter(|(name, _)| !changes.contains_key(*name)) {
                prop_assert_eq!(&after[name], kept);
            }
        }
    }
}
