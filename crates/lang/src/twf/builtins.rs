//! The functions and pseudo-variables of the language, one table for checks, interpreter and editors.
//!
//! All of them are deterministic: what depends on time or chance is derived from the run and its history.

/// A function with the number of arguments it takes. As a method its receiver is the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Fewest arguments.
    pub min: usize,
    /// Most arguments; none means any number.
    pub max: Option<usize>,
    /// What it gives, on one line.
    pub doc: &'static str,
}

const fn exact(name: &'static str, count: usize, doc: &'static str) -> Builtin {
    Builtin { name, min: count, max: Some(count), doc }
}

const fn between(name: &'static str, min: usize, max: usize, doc: &'static str) -> Builtin {
    Builtin { name, min, max: Some(max), doc }
}

const fn from(name: &'static str, min: usize, doc: &'static str) -> Builtin {
    Builtin { name, min, max: None, doc }
}

/// Every function, by name in order. Those with at least one argument can be written as methods: `items.len()`.
pub const BUILTINS: &[Builtin] = &[
    exact("abs", 1, "the number without its sign"),
    between("all", 1, 2, "whether every item is true, or the function is true of every item"),
    between("any", 1, 2, "whether some item is true, or the function is true of some item"),
    exact("append", 2, "adds an item to the end of the list itself"),
    exact("chunk", 2, "the items in lists of at most so many"),
    exact("contains", 2, "whether a list, object or string holds the value, key or text"),
    exact("decimal", 1, "the value as an exact decimal"),
    exact("duration", 1, "the value as a duration: `5m`, ISO 8601, or seconds"),
    exact("ends_with", 2, "whether the string ends with the text"),
    exact("entries", 1, "the pairs of key and value of an object"),
    exact("extend", 2, "adds the items of another list to the list itself"),
    exact("filter", 2, "the items of which the function is true"),
    from("format", 1, "the text with its `{}` holes filled in order"),
    exact("get_caller_info", 0, "the caller of a Nexus operation"),
    exact("get_nexus_caller_info", 0, "the caller of a Nexus operation"),
    exact("hash", 1, "a stable hash of the value, as hexadecimal text"),
    exact("history_length", 0, "how many events the run has"),
    exact("history_size", 0, "how many bytes the history of the run has"),
    exact("int", 1, "the value as an integer"),
    between("join", 1, 2, "the items as one text, with a separator between them"),
    exact("keys", 1, "the keys of an object"),
    exact("len", 1, "how many items, keys or characters"),
    from("log", 1, "writes to the log of the run, once and not again on replay"),
    exact("lower", 1, "the string in small letters"),
    exact("map", 2, "the function of every item"),
    exact("matches", 2, "whether the string matches the pattern"),
    from("max", 1, "the greatest of the arguments or of a list"),
    from("merge", 1, "the objects as one, later keys win"),
    from("min", 1, "the smallest of the arguments or of a list"),
    exact("now", 0, "the time of the current workflow task"),
    exact("parse_json", 1, "the value that a JSON text denotes"),
    exact("patched", 1, "whether this run takes the code that the patch of this id brings"),
    between("pop", 1, 2, "takes the last item, or the one at an index, out of the list itself"),
    between("random", 0, 2, "a number from the generator of the run"),
    between("range", 1, 3, "integers from a start to before an end, by a step"),
    exact("replace", 3, "the string with every occurrence of a text replaced"),
    exact("reversed", 1, "the items in reverse order"),
    between("round", 1, 2, "the number with so many digits after the point"),
    exact("set_details", 1, "shows a text with the run"),
    exact("set_memo", 1, "keeps notes with the run"),
    exact("set_search_attributes", 1, "makes the run findable by these attributes"),
    between("sorted", 1, 2, "the items in ascending order, of themselves or of the function of each"),
    between("split", 1, 2, "the parts of the string between the separators"),
    exact("starts_with", 2, "whether the string starts with the text"),
    exact("str", 1, "the value as text"),
    exact("sum", 1, "the sum of the items"),
    exact("timestamp", 1, "the value as a moment"),
    exact("to_json", 1, "the value as JSON text"),
    exact("trim", 1, "the string without blanks at its ends"),
    exact("unique", 1, "the items without repetitions, first ones kept"),
    exact("upper", 1, "the string in capital letters"),
    exact("uuid", 0, "an identifier from the generator of the run"),
    exact("values", 1, "the values of an object"),
    from("zip", 1, "the lists side by side"),
];

/// The function of a name.
pub fn builtin(name: &str) -> Option<&'static Builtin> {
    BUILTINS.binary_search_by(|it| it.name.cmp(name)).ok().and_then(|at| BUILTINS.get(at))
}

/// Fields of the pseudo-variable `workflow`, also callable: `workflow.history_length()`.
pub const WORKFLOW_FIELDS: &[&str] = &[
    "attempt",
    "continue_as_new_suggested",
    "history_length",
    "history_size",
    "id",
    "namespace",
    "parent_id",
    "run_id",
    "start_time",
    "task_queue",
    "type",
];

/// Names that are there without being assigned: the run; the message that is being handled or was awaited last; the
/// caller of a Nexus operation.
pub const PSEUDO_VARIABLES: &[&str] = &["caller", "signal", "update", "workflow"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(BUILTINS.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(BUILTINS.iter().all(|it| builtin(it.name) == Some(it)));
        assert_eq!(builtin("launch"), None);
    }
}
