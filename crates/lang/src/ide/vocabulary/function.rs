//! Functions, fields of the run, and names that are there without being assigned.

/// A function as people read it.
#[derive(Debug, Clone, Copy)]
pub(in crate::ide) struct Function {
    /// Its name.
    pub(in crate::ide) name: &'static str,
    /// Its parameters: a `?` marks what may be left out, `...` any number.
    pub(in crate::ide) params: &'static [&'static str],
    /// Its result.
    pub(in crate::ide) result: &'static str,
    /// What it does.
    pub(in crate::ide) doc: &'static str,
}

impl Function {
    /// `name(params) -> result`.
    pub(in crate::ide) fn signature(&self) -> String {
        format!("{}({}) -> {}", self.name, self.params.join(", "), self.result)
    }
}

/// The function of a name.
pub(in crate::ide) fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

macro_rules! functions {
    ($($name:ident($($param:literal),*) -> $result:literal : $doc:literal;)*) => {
        /// Every function, by name.
        pub(in crate::ide) static FUNCTIONS: &[Function] = &[$(Function {
            name: stringify!($name),
            params: &[$($param),*],
            result: $result,
            doc: $doc,
        }),*];
    };
}

functions! {
    abs("value: number") -> "number": "The number, or duration, without its sign.";
    all("items: list", "test?: x => bool") -> "bool": "Whether every element is true, or passes the test.";
    any("items: list", "test?: x => bool") -> "bool": "Whether some element is true, or passes the test.";
    append("items: list", "value: any") -> "list": "Adds an element to the end of a list, in place.";
    bool("value: any") -> "bool": "A truth value from a bool, null, or the words `true` and `false`.";
    ceil("value: number") -> "int": "The next whole number that is not smaller.";
    chunk("items: list", "size: int") -> "list": "The elements in lists of at most this many.";
    clear("items: list") -> "list": "Takes everything out of a list or object, in place.";
    contains("items: any", "value: any") -> "bool": "Whether a list has the element, an object the field, a text the part.";
    copy("value: any") -> "any": "A copy that shares nothing with the original.";
    count("items: list", "test?: x => bool") -> "int": "How many elements there are, or pass the test.";
    date_add("moment: timestamp", "time: duration") -> "timestamp": "The moment so much later.";
    days("count: number") -> "duration": "So many days.";
    decimal("value: any") -> "decimal": "An exact decimal from a number or text.";
    deprecate_patch("id: string") -> "null": "Takes the place of `patched` once no open run needs what was before the change. It can go when no open run is found by `TemporalChangeVersion`.";
    duration("value: any") -> "duration": "A duration from seconds, from a text such as `5m`, or from ISO 8601.";
    ends_with("text: string", "part: string") -> "bool": "Whether the text ends with the part.";
    entries("object: any") -> "list": "`{key, value}` for every field, in order.";
    extend("items: list", "more: list") -> "list": "Adds all elements of another list, in place.";
    filter("items: list", "test: x => bool") -> "list": "The elements that pass the test.";
    find("items: list", "test: x => bool") -> "any": "The first element that passes the test, or null.";
    first("items: list") -> "any": "The first element, or null.";
    floor("value: number") -> "int": "The next whole number that is not larger.";
    format("text: string", "values...") -> "string": "Puts the values into the `{}` of the text, in order.";
    get("object: any", "key: any", "default?: any") -> "any": "A field or element, or the default where there is none.";
    get_caller_info() -> "any": "Who called this Nexus operation: `namespace`, `workflow_id`, `run_id`, `identity`.";
    get_nexus_caller_info() -> "any": "Who called this Nexus operation: `namespace`, `workflow_id`, `run_id`, `identity`.";
    hash("value: any") -> "string": "SHA-256 in hexadecimal: of the bytes of a text, else of the value as JSON.";
    history_length() -> "int": "How many events the history of the run has.";
    history_size() -> "int": "How many bytes the history of the run has.";
    hours("count: number") -> "duration": "So many hours.";
    index_of("items: any", "value: any") -> "int": "The position of an element or part, or -1.";
    int("value: any") -> "int": "A whole number: of a number (cut off), a text, a bool, or the milliseconds of a duration.";
    join("items: list", "separator?: string") -> "string": "The elements as one text.";
    keys("object: any") -> "list": "The names of the fields, in order.";
    last("items: list") -> "any": "The last element, or null.";
    len("value: any") -> "int": "How many elements, fields or characters there are.";
    log("values...") -> "null": "Writes to the log of the run; a first argument `\"warn\"` and the like is the level. Silent on replay.";
    lower("text: string") -> "string": "The text in small letters.";
    map("items: list", "make: x => any") -> "list": "What the lambda makes of each element.";
    matches("text: string", "pattern: string") -> "bool": "Whether the regular expression matches somewhere in the text.";
    max("values...") -> "any": "The largest of the arguments, or of a list, perhaps by a key; null when there is nothing.";
    merge("objects...") -> "any": "A new object with the fields of all; later ones win.";
    millis("count: number") -> "duration": "So many milliseconds.";
    min("values...") -> "any": "The smallest of the arguments, or of a list, perhaps by a key; null when there is nothing.";
    minutes("count: number") -> "duration": "So many minutes.";
    now() -> "timestamp": "The time of the current workflow task: the same on every replay.";
    parse_json("text: string") -> "any": "The value that a JSON text holds.";
    pass() -> "null": "A placeholder: does nothing.";
    patched("id: string") -> "bool": "Whether a change of the definition is in effect: not for a run that had passed this place before the change was made.";
    pop("items: list", "at?: int") -> "any": "Takes the last element, or the one at a position, out of a list.";
    random("from?: int", "to?: int") -> "number": "`random()` is a decimal from 0 up to 1; `random(n)` and `random(from, to)` are whole, the end not included. Drawn from the seed of the run, so a replay draws the same.";
    range("from: int", "to?: int", "step?: int") -> "list": "Whole numbers up to the end, which is not included.";
    remove("items: any", "value: any") -> "bool": "Takes an element out of a list, or a field out of an object; says whether it was there.";
    replace("text: string", "part: string", "by: string") -> "string": "The text with every such part replaced.";
    reversed("items: list") -> "list": "The elements from last to first.";
    round("value: number", "digits?: int") -> "number": "The nearest whole number, or decimal with so many digits; halves go away from zero.";
    seconds("count: number") -> "duration": "So many seconds.";
    set_details("text: string") -> "null": "A text that is shown with the run.";
    set_memo("facts: any") -> "null": "Facts for people, merged into those the run has.";
    set_search_attributes("facts: any") -> "null": "Facts to find the run by, merged into those it has.";
    slice("items: any", "from: int", "to?: int") -> "any": "Part of a list or text; negative positions count from the end.";
    sorted("items: list", "key?: x => any", "descending?: bool") -> "list": "The elements in order; equal ones stay as they were.";
    split("text: string", "separator?: string") -> "list": "The parts between separators, or between blanks.";
    starts_with("text: string", "part: string") -> "bool": "Whether the text begins with the part.";
    str("value: any") -> "string": "The value as text.";
    string("value: any") -> "string": "The value as text.";
    sum("items: list", "make?: x => number") -> "number": "The sum of the elements, or of what the lambda makes of them.";
    timestamp("value: any") -> "timestamp": "A moment from RFC 3339, or from seconds since 1970.";
    to_json("value: any") -> "string": "The value as a JSON text.";
    trim("text: string") -> "string": "The text without blanks around it.";
    type("value: any") -> "string": "The label of an object's constructor, else the name of the type.";
    unique("items: list") -> "list": "The elements without repeats, in the order of their first appearance.";
    upper("text: string") -> "string": "The text in capital letters.";
    uuid() -> "string": "A random UUID, drawn from the seed of the run, so a replay draws the same.";
    values("object: any") -> "list": "The values of the fields, in order.";
    weeks("count: number") -> "duration": "So many weeks.";
    zip("left: list", "right: list") -> "list": "Pairs of two lists, as long as the shorter one.";
}

/// Fields of the run, `workflow.NAME`, with their types and meaning.
pub(in crate::ide) static RUN_FIELDS: &[(&str, &str, &str)] = &[
    ("attempt", "int", "Which attempt of the chain of retries this run is, from 1."),
    (
        "caller",
        "any",
        "Who called the operation or child that this run is: `namespace`, `workflow_id`, `run_id`; else null.",
    ),
    (
        "continue_as_new_suggested",
        "bool",
        "Whether the history has grown so long that the run should continue as new.",
    ),
    ("history_length", "int", "How many events the history has."),
    ("history_size", "int", "How many bytes the history has."),
    ("id", "string", "The workflow id: stays the same over retries and continue-as-new."),
    (
        "last_failure",
        "any",
        "Why the run before failed, of the same schedule or the attempt before; null when it did not.",
    ),
    (
        "last_result",
        "any",
        "What the last run of the same schedule that completed returned; null when there is none.",
    ),
    ("namespace", "string", "The namespace the run lives in."),
    ("parent_id", "string?", "The workflow id of the parent, null when there is none."),
    ("run_id", "string", "The id of this run alone."),
    ("start_time", "timestamp", "When the run started."),
    ("task_queue", "string", "The task queue of the run."),
    ("type", "string", "The name of the workflow."),
    ("workflow_id", "string", "The workflow id: stays the same over retries and continue-as-new."),
];

/// The type and meaning of a field of the run.
pub(in crate::ide) fn run_field(name: &str) -> Option<(&'static str, &'static str)> {
    RUN_FIELDS.iter().find(|(field, ..)| *field == name).map(|(_, ty, doc)| (*ty, *doc))
}

/// The meaning of a name that has a value without being assigned.
pub(in crate::ide) fn pseudo(name: &str) -> Option<&'static str> {
    Some(match name {
        "workflow" => {
            "Facts about this run: `workflow.id`, `workflow.run_id`, `workflow.attempt` and others."
        }
        "signal" => "The arguments of the signal that is handled here, or was awaited last.",
        "update" => "The arguments of the update that is handled here, or was awaited last.",
        "caller" => "Who called this Nexus operation: `namespace`, `workflow_id`, `run_id`, `identity`.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twf::builtin;

    #[test]
    fn every_function_of_the_language_is_explained_and_no_other() {
        let mut explained: Vec<_> = FUNCTIONS.iter().map(|it| it.name).collect();
        let mut known = builtin::NAMES.to_vec();
        explained.sort_unstable();
        known.sort_unstable();
        assert_eq!(explained, known);
    }

    #[test]
    fn parameters_agree_with_the_numbers_of_arguments() {
        for function in FUNCTIONS {
            let Some(found) = builtin::find(function.name) else { continue };
            let is_many = function.params.iter().any(|it| it.ends_with("..."));
            let optional = function.params.iter().filter(|it| it.contains('?') && !is_many).count();
            assert_eq!(is_many, found.max == usize::MAX, "{}", function.name);
            if !is_many {
                let named = function.params.len();
                assert_eq!((named - optional, named), (found.min, found.max), "{}", function.name);
            }
        }
    }
}
