//! The same call twice is two calls, with answers of the same shape, through every door.

use serde_json::{Value as Json, json};

use super::channels::{Channel, Doors};
use super::{project, runs};

/// A value without what differs from call to call: the names of members, and the types of what they hold.
fn shape(value: &Json) -> Json {
    match value {
        Json::Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Json::Array(items) => items.iter().map(shape).collect(),
        Json::String(_) => json!("text"),
        Json::Number(_) => json!("number"),
        Json::Bool(_) | Json::Null => value.clone(),
    }
}

#[test]
fn the_same_call_twice_executes_twice_with_the_same_shape() {
    let input = br#"{"name":"a","thing":{"deep":[1,"b",null]}}"#;
    let (served, embedded) = (project(), project());
    let server = served.serve();
    let open = [(&served, Doors::served(&served, &server)), (&embedded, Doors::embedded(&embedded))];
    for ((project, mut doors), channels) in open.into_iter().zip([&Channel::SERVED[..], &Channel::SHELL]) {
        for &channel in channels {
            let before = runs(project);
            let (first, second) = (doors.whole(channel, input), doors.whole(channel, input));
            assert_eq!(shape(&first), shape(&second), "{channel:?}");
            assert_eq!(channel.output(&first), channel.output(&second), "{channel:?}");
            assert_eq!(runs(project) - before, 2, "{channel:?}");
        }
    }
}
