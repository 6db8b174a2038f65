//! The signatures of the functions: what inference checks calls against, and what editors show.

use super::MANY;

/// Kinds of values, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    /// No kind.
    pub const NONE: Kinds = Kinds(0);
    /// `null`.
    pub const NULL: Kinds = Kinds(1);
    /// `bool`.
    pub const BOOL: Kinds = Kinds(1 << 1);
    /// `int`.
    pub const INT: Kinds = Kinds(1 << 2);
    /// `decimal`.
    pub const DECIMAL: Kinds = Kinds(1 << 3);
    /// `string` and `bytes`.
    pub const STR: Kinds = Kinds(1 << 4);
    /// `duration`.
    pub const DURATION: Kinds = Kinds(1 << 5);
    /// `timestamp`.
    pub const TIMESTAMP: Kinds = Kinds(1 << 6);
    /// Lists.
    pub const LIST: Kinds = Kinds(1 << 7);
    /// Objects, declared or not.
    pub const OBJECT: Kinds = Kinds(1 << 8);
    /// What `promise` binds.
    pub const PROMISE: Kinds = Kinds(1 << 9);
    /// `x => e`.
    pub const LAMBDA: Kinds = Kinds(1 << 10);
    /// Every kind.
    pub const ALL: Kinds = Kinds((1 << 11) - 1);

    const NUMBER: Kinds = Kinds::INT.or(Kinds::DECIMAL);
    /// Values that are not handles.
    const DATA: Kinds = Kinds(Kinds::ALL.0 & !Kinds::PROMISE.0 & !Kinds::LAMBDA.0);
    /// Values, handles among them.
    const VALUE: Kinds = Kinds(Kinds::ALL.0 & !Kinds::LAMBDA.0);

    /// Kinds of both sets.
    #[must_use]
    pub const fn or(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    /// Whether a kind is in both sets.
    pub const fn meets(self, other: Kinds) -> bool {
        self.0 & other.0 != 0
    }
}

/// A parameter of a function.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its type as written.
    pub ty: &'static str,
    /// The kinds of values it takes.
    pub kinds: Kinds,
    /// Whether it may be left out.
    pub optional: bool,
    /// Whether it takes all arguments that follow, too.
    pub repeated: bool,
}

/// How the type of the result follows from those of the arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// `null`.
    Null,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `decimal`.
    Decimal,
    /// `string`.
    Str,
    /// `duration`.
    Duration,
    /// `timestamp`.
    Timestamp,
    /// Anything.
    Any,
    /// `[]string`.
    Strings,
    /// `[]int`.
    Ints,
    /// The first argument's type.
    First,
    /// An element of the first argument.
    Element,
    /// An element of the first argument, or null.
    MaybeElement,
    /// A list of lists like the first argument.
    Chunks,
    /// A list of `{key, value}`.
    Entries,
    /// A list of the values of an object.
    Values,
    /// An object with the fields of all arguments.
    Merged,
    /// A list of what the lambda gives.
    Mapped,
    /// A list of lists of two.
    Pairs,
    /// A field or element, or the default.
    Found,
    /// The smallest or largest of the arguments, or of a list.
    Extreme,
    /// The total of a list.
    Total,
    /// `int` with one argument, `decimal` with two.
    Rounded,
    /// `decimal` without arguments, `int` with some.
    Drawn,
}

/// What a function takes, gives and does.
#[derive(Debug, Clone, Copy)]
pub struct Signature {
    /// Its name.
    pub name: &'static str,
    /// Its parameters; the first is the receiver when it is called as a method.
    pub params: &'static [Parameter],
    /// The type of its result as written.
    pub result: &'static str,
    /// How that type is found.
    pub gives: Gives,
    /// One sentence about what it does.
    pub doc: &'static str,
}

impl Signature {
    /// The parameter that an argument at this position goes to.
    pub fn param(&self, at: usize) -> Option<&'static Parameter> {
        self.params.get(at).or_else(|| self.params.last().filter(|it| it.repeated))
    }

    /// The fewest and the most arguments.
    pub fn arity(&self) -> (usize, usize) {
        let least = self.params.iter().filter(|it| !it.optional).count();
        let most = if self.params.last().is_some_and(|it| it.repeated) { MANY } else { self.params.len() };
        (least, most)
    }

    /// The whole as one line: `name(param: type, ..) -> result`.
    pub fn text(&self) -> String {
        let params: Vec<String> = self.params.iter().map(Parameter::text).collect();
        format!("{}({}) -> {}", self.name, params.join(", "), self.result)
    }
}

impl Parameter {
    /// The parameter as it stands in the line of its function: `name: type`, a `?` after what may be left out.
    pub fn text(&self) -> String {
        let dots = if self.repeated { ".." } else { "" };
        let mark = if self.optional && !self.repeated { "?" } else { "" };
        format!("{dots}{}{mark}: {}", self.name, self.ty)
    }
}

/// The signature of a function.
pub fn signature(name: &str) -> Option<&'static Signature> {
    let at = SIGNATURES.binary_search_by(|it| it.name.cmp(name)).ok()?;
    SIGNATURES.get(at)
}

const fn need(name: &'static str, ty: &'static str, kinds: Kinds) -> Parameter {
    Parameter { name, ty, kinds, optional: false, repeated: false }
}

const fn may(name: &'static str, ty: &'static str, kinds: Kinds) -> Parameter {
    Parameter { name, ty, kinds, optional: true, repeated: false }
}

const fn rest(name: &'static str, ty: &'static str, kinds: Kinds) -> Parameter {
    Parameter { name, ty, kinds, optional: true, repeated: true }
}

const LIST: Parameter = need("list", "[]T", Kinds::LIST);
const TEXT: Parameter = need("text", "string", Kinds::STR);
const NUMBER: Parameter = need("number", "decimal", Kinds::NUMBER);
const VALUE: Parameter = need("value", "any", Kinds::VALUE);
const DATA: Parameter = need("value", "any", Kinds::DATA);
const OBJECT: Parameter = need("object", "Map[string, T]", Kinds::OBJECT);
const FIELDS: Parameter = need("fields", "Map[string, any]", Kinds::OBJECT);
const TEST: Parameter = may("test", "(item, index) => bool", Kinds::LAMBDA);
const KEY: Parameter = may("key", "(item, index) => any", Kinds::LAMBDA);
const HOLDER: Kinds = Kinds::LIST.or(Kinds::OBJECT);
const SPAN: Kinds = Kinds::NUMBER.or(Kinds::DURATION);

macro_rules! signatures {
    ($($name:literal ($($param:expr),*) -> $result:literal $gives:ident $doc:literal;)*) => {
        /// Every function's signature, by name.
        pub static SIGNATURES: &[Signature] = &[$(Signature {
            name: $name,
            params: &[$($param),*],
            result: $result,
            gives: Gives::$gives,
            doc: $doc,
        }),*];
    };
}

signatures! {
    "abs" (need("number", "decimal | duration", SPAN)) -> "decimal | duration" First "The value without its sign.";
    "all" (LIST, TEST) -> "bool" Bool "Whether every element is true, or the test holds for every one.";
    "any" (LIST, TEST) -> "bool" Bool "Whether an element is true, or the test holds for one.";
    "append" (LIST, need("item", "T", Kinds::VALUE)) -> "[]T" First "Adds an element at the end of the list itself.";
    "bool" (need("value", "any", Kinds::BOOL.or(Kinds::NULL).or(Kinds::STR).or(Kinds::OBJECT))) -> "bool" Bool
        "A truth value from a bool, null, an object, or the words `true` and `false`.";
    "ceil" (NUMBER) -> "int" Int "The smallest whole number that is not smaller.";
    "chunk" (LIST, need("size", "int", Kinds::INT)) -> "[][]T" Chunks "The list cut into lists of that size.";
    "clear" (need("of", "[]T | Map[string, T]", HOLDER)) -> "null" Null "Takes everything out of a list or object.";
    "contains" (
        need("whole", "[]T | Map[string, T] | string", HOLDER.or(Kinds::STR).or(Kinds::NULL)),
        need("part", "any", Kinds::VALUE)
    ) -> "bool" Bool "Whether a list has an element, an object a key, a text a part.";
    "copy" (VALUE) -> "T" First "A copy that shares nothing with the original.";
    "count" (LIST, TEST) -> "int" Int "How many elements there are, or for how many the test holds.";
    "date_add" (
        need("moment", "timestamp", Kinds::TIMESTAMP.or(Kinds::STR).or(Kinds::NUMBER)),
        need("by", "duration", SPAN.or(Kinds::STR))
    ) -> "timestamp" Timestamp "The moment that much later.";
    "days" (NUMBER) -> "duration" Duration "That many days.";
    "decimal" (need("value", "decimal | string", Kinds::NUMBER.or(Kinds::STR))) -> "decimal" Decimal
        "An exact decimal from a number or text.";
    "deprecate_patch" (need("id", "string", Kinds::STR)) -> "null" Null
        "Says that every run which comes here has the change: what was before it is gone from the file.";
    "duration" (need("value", "duration | decimal | string", SPAN.or(Kinds::STR))) -> "duration" Duration
        "A duration from a number of seconds, or from text such as `5m` or `PT5M`.";
    "ends_with" (TEXT, need("suffix", "string", Kinds::STR)) -> "bool" Bool "Whether the text ends like this.";
    "entries" (OBJECT) -> "[]{key: string, value: T}" Entries "Every field as `{key, value}`, in order.";
    "extend" (LIST, need("more", "[]T", Kinds::LIST)) -> "[]T" First "Adds all elements of another list to the list itself.";
    "filter" (LIST, need("test", "(item, index) => bool", Kinds::LAMBDA)) -> "[]T" First
        "The elements for which the test holds.";
    "find" (LIST, need("test", "(item, index) => bool", Kinds::LAMBDA)) -> "T?" MaybeElement
        "The first element for which the test holds, or null.";
    "first" (LIST) -> "T?" MaybeElement "The first element, or null.";
    "floor" (NUMBER) -> "int" Int "The largest whole number that is not larger.";
    "format" (need("template", "string", Kinds::STR), rest("values", "any", Kinds::DATA)) -> "string" Str
        "The template with the values in place of its `{}`, in order.";
    "get" (
        need("of", "[]T | Map[string, T]", HOLDER.or(Kinds::NULL)),
        need("key", "string | int", Kinds::DATA),
        may("default", "T", Kinds::VALUE)
    ) -> "T?" Found "A field or element, or the default where there is none.";
    "hash" (DATA) -> "string" Str "SHA-256 of the value as JSON, of a text's own bytes, in hexadecimal.";
    "history_length" () -> "int" Int "Events in the history of this run.";
    "history_size" () -> "int" Int "Bytes in the history of this run.";
    "hours" (NUMBER) -> "duration" Duration "That many hours.";
    "index_of" (LIST, need("item", "T", Kinds::VALUE)) -> "int" Int "The position of an element, or -1.";
    "int" (need("value", "any", SPAN.or(Kinds::BOOL).or(Kinds::TIMESTAMP).or(Kinds::STR))) -> "int" Int
        "A whole number from a number (cut off), text, bool, or the milliseconds of a duration.";
    "join" (LIST, may("separator", "string", Kinds::STR)) -> "string" Str "The elements as one text.";
    "keys" (OBJECT) -> "[]string" Strings "The names of the fields, in order.";
    "last" (LIST) -> "T?" MaybeElement "The last element, or null.";
    "len" (need("of", "[]T | Map[string, T] | string", HOLDER.or(Kinds::STR).or(Kinds::NULL))) -> "int" Int
        "How many elements, fields or characters there are; 0 for null.";
    "log" (rest("values", "any", Kinds::DATA)) -> "null" Null
        "A line in the log of the run; a first value `\"debug\"`, `\"warn\"` or `\"error\"` is its level.";
    "lower" (TEXT) -> "string" Str "The text in small letters.";
    "map" (LIST, need("make", "(item, index) => U", Kinds::LAMBDA)) -> "[]U" Mapped
        "What the lambda makes of each element.";
    "matches" (TEXT, need("pattern", "string", Kinds::STR)) -> "bool" Bool
        "Whether a regular expression matches somewhere in the text.";
    "max" (need("value", "[]T | T", Kinds::DATA), rest("values", "T", Kinds::ALL)) -> "T?" Extreme
        "The largest element of a list, perhaps by a key, or the largest argument.";
    "merge" (need("object", "Map[string, T]", Kinds::OBJECT.or(Kinds::NULL)),
        rest("more", "Map[string, T]", Kinds::OBJECT.or(Kinds::NULL))) -> "Map[string, T]" Merged
        "A new object with the fields of all; later ones win.";
    "millis" (NUMBER) -> "duration" Duration "That many milliseconds.";
    "min" (need("value", "[]T | T", Kinds::DATA), rest("values", "T", Kinds::ALL)) -> "T?" Extreme
        "The smallest element of a list, perhaps by a key, or the smallest argument.";
    "minutes" (NUMBER) -> "duration" Duration "That many minutes.";
    "now" () -> "timestamp" Timestamp "The time of the current workflow task.";
    "parse_json" (TEXT) -> "any" Any "The value that a JSON text stands for.";
    "pass" () -> "null" Null "A placeholder: does nothing.";
    "patched" (need("id", "string", Kinds::STR)) -> "bool" Bool "Whether a change is in effect for this run.";
    "pop" (LIST, may("at", "int", Kinds::INT)) -> "T" Element "Takes the last element out of the list, or the one at a position.";
    "random" (may("from", "int", Kinds::INT), may("to", "int", Kinds::INT)) -> "decimal | int" Drawn
        "A decimal from 0 up to 1, or a whole number below an end.";
    "range" (need("from", "int", Kinds::INT), may("to", "int", Kinds::INT), may("step", "int", Kinds::INT)) -> "[]int" Ints
        "The whole numbers up to an end, which is not included.";
    "remove" (need("of", "[]T | Map[string, T]", HOLDER), need("item", "T | string", Kinds::VALUE)) -> "bool" Bool
        "Takes an element out of a list, or a field out of an object; says whether it was there.";
    "replace" (TEXT, need("old", "string", Kinds::STR), need("new", "string", Kinds::STR)) -> "string" Str
        "The text with every occurrence of a part replaced.";
    "reversed" (need("of", "[]T | string", Kinds::LIST.or(Kinds::STR))) -> "[]T | string" First
        "The elements or characters in reverse order.";
    "round" (NUMBER, may("digits", "int", Kinds::INT)) -> "int | decimal" Rounded
        "Rounded to a whole number, or to that many digits; halves go away from zero.";
    "seconds" (NUMBER) -> "duration" Duration "That many seconds.";
    "set_details" (need("text", "any", Kinds::DATA)) -> "null" Null "A text shown with the run.";
    "set_memo" (FIELDS) -> "null" Null "Facts for people, merged into those the run has.";
    "set_search_attributes" (FIELDS) -> "null" Null "Facts for searching, merged into those the run has.";
    "slice" (
        need("of", "[]T | string", Kinds::LIST.or(Kinds::STR)),
        need("from", "int", Kinds::INT),
        may("to", "int", Kinds::INT)
    ) -> "[]T | string" First "Part of a list or text; negative positions count from the end.";
    "sorted" (LIST, may("key", "(item, index) => any", Kinds::LAMBDA.or(Kinds::BOOL)), may("descending", "bool", Kinds::BOOL))
        -> "[]T" First "The elements in order, perhaps by a key; `true` last for falling order.";
    "split" (TEXT, may("separator", "string", Kinds::STR)) -> "[]string" Strings
        "The parts of a text between separators, or between blanks.";
    "starts_with" (TEXT, need("prefix", "string", Kinds::STR)) -> "bool" Bool "Whether the text begins like this.";
    "str" (DATA) -> "string" Str "The value as text.";
    "string" (DATA) -> "string" Str "The value as text.";
    "sum" (LIST, KEY) -> "decimal | duration" Total "The total of the elements, or of what the lambda makes of them.";
    "timestamp" (need("value", "timestamp | decimal | string", Kinds::TIMESTAMP.or(Kinds::STR).or(Kinds::NUMBER)))
        -> "timestamp" Timestamp "A moment from RFC 3339, or from seconds since 1970.";
    "to_json" (DATA) -> "string" Str "The value as a JSON text.";
    "trim" (TEXT) -> "string" Str "The text without blanks at both ends.";
    "type" (VALUE) -> "string" Str "The label of an object's constructor, else the name of the type.";
    "unique" (LIST) -> "[]T" First "The elements without repeats, in the order of their first appearance.";
    "upper" (TEXT) -> "string" Str "The text in capital letters.";
    "uuid" () -> "string" Str "A random UUID, the same again on replay.";
    "values" (OBJECT) -> "[]T" Values "The values of the fields, in order.";
    "weeks" (NUMBER) -> "duration" Duration "That many weeks.";
    "zip" (LIST, need("other", "[]U", Kinds::LIST)) -> "[][]any" Pairs "Pairs of two lists, as long as the shorter one.";
}

#[cfg(test)]
mod tests {
    use super::super::TABLE;
    use super::*;

    #[test]
    fn every_function_has_a_signature_that_takes_as_many_arguments() {
        let of = |it: &Signature| (it.name, it.arity());
        let signatures: Vec<_> = SIGNATURES.iter().map(of).collect();
        let functions: Vec<_> = TABLE.iter().map(|it| (it.name, (it.min, it.max))).collect();
        assert_eq!(signatures, functions);
        assert!(SIGNATURES.iter().all(|it| it.doc.ends_with('.') && signature(it.name).is_some()));
    }

    #[test]
    fn signatures_are_written_in_one_line() {
        let text = |name: &str| signature(name).unwrap().text();
        assert_eq!(text("round"), "round(number: decimal, digits?: int) -> int | decimal");
        assert_eq!(text("format"), "format(template: string, ..values: any) -> string");
    }
}
