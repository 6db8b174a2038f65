//! Any JSON for people: lists of objects as rows, objects as fields.

use nexus_kernel::Json;

/// More columns than this are no table any more.
const COLUMNS_MAX: usize = 8;

/// A cell that is longer is cut off; `--format json` has all of it.
const CELL_CHARS_MAX: usize = 60;

/// How a value is laid out.
pub(super) enum Layout {
    /// Under headings.
    Rows(Vec<String>, Vec<Vec<String>>),
    /// As JSON.
    Json,
}

/// A value as YAML. What YAML cannot hold does not exist in JSON.
pub(super) fn yaml(value: &Json) -> String {
    serde_saphyr::to_string(value).unwrap_or_else(|_| value.to_string())
}

/// A value for a shell: a text as it is, nothing for null, everything else as JSON on one line.
pub(super) fn raw(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

/// Chooses a layout. The one list of an object is the answer to most questions, so it is shown in its place.
pub(super) fn layout(value: &Json) -> Layout {
    match value {
        Json::Object(fields) => {
            let lists: Vec<&Vec<Json>> = fields.values().filter_map(Json::as_array).collect();
            match lists.as_slice() {
                [only] if fields.len() <= 2 && only.iter().all(Json::is_object) => rows(only),
                _ if fields.is_empty() => Layout::Json,
                _ => {
                    let given = fields.iter().filter(|(_, value)| !value.is_null());
                    let row = |(name, value): (&String, &Json)| vec![name.clone(), cell(Some(value))];
                    Layout::Rows(vec!["FIELD".to_owned(), "VALUE".to_owned()], given.map(row).collect())
                }
            }
        }
        Json::Array(items) if !items.is_empty() && items.iter().all(Json::is_object) => rows(items),
        _ => Layout::Json,
    }
}

/// One row for each object. Columns that are empty, or nested, in every row are left out.
fn rows(items: &[Json]) -> Layout {
    let mut names: Vec<&String> = Vec::new();
    for (name, value) in items.iter().filter_map(Json::as_object).flatten() {
        let is_plain = !value.is_null() && !value.is_object() && !value.is_array();
        if is_plain && !names.contains(&name) {
            names.push(name);
        }
    }
    names.truncate(COLUMNS_MAX);
    let row = |item: &Json| names.iter().map(|name| cell(item.get(name.as_str()))).collect();
    let headings = names.iter().map(|name| name.to_uppercase().replace('_', " ")).collect();
    Layout::Rows(headings, items.iter().map(row).collect())
}

fn cell(value: Option<&Json>) -> String {
    let text = match value {
        None | Some(Json::Null) => "-".to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    match text.char_indices().nth(CELL_CHARS_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(value: Json) -> Vec<String> {
        match layout(&value) {
            Layout::Json => vec!["json".to_owned()],
            Layout::Rows(headings, rows) => {
                [headings].into_iter().chain(rows).map(|row| row.join(" ")).collect()
            }
        }
    }

    #[test]
    fn lists_are_rows_and_objects_are_fields() {
        let runs = json!({ "runs": [{ "run_id": "a", "x": {} }, { "run_id": "b", "n": 1 }], "next": null });
        assert_eq!(shown(runs), ["RUN ID N", "a -", "b 1"]);
        assert_eq!(shown(json!({ "a": 1, "b": null, "c": [1] })), ["FIELD VALUE", "a 1", "c [1]"]);
        assert_eq!(shown(json!([1, 2])), ["json"]);
        assert_eq!(shown(json!({})), ["json"]);
    }
}
