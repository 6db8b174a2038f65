//! Cells of tables.

use nexus_kernel::Json;

/// What a member of an object is, as people read it; `-` when it is not there or empty.
pub(super) fn text(value: &Json, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Json::Null) => "-".to_owned(),
        Some(Json::String(text)) if text.is_empty() => "-".to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The texts of a list, with commas between them; `-` when there are none.
pub(super) fn list(value: &Json, pointer: &str) -> String {
    let all = value.pointer(pointer).and_then(Json::as_array).into_iter().flatten();
    let texts: Vec<&str> = all.filter_map(Json::as_str).collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(", ") }
}

/// The members of a list.
pub(super) fn items<'a>(value: &'a Json, name: &str) -> &'a [Json] {
    value.get(name).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}
