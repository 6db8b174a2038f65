//! The table of hostile inputs.

use nexus_kernel::limits::PAYLOAD_BYTES_MAX;

/// What becomes of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is no JSON, or JSON with two meanings.
    Unreadable,
    /// It is not even text.
    NotText,
    /// There is nothing.
    Empty,
    /// It is JSON that the workflow does not take.
    Unfit,
    /// It is larger than inputs may be.
    TooLarge,
}

/// One hostile input.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    /// What comes before everything that the channel sends.
    pub(super) before: &'static [u8],
    /// In the place of the input.
    pub(super) input: Vec<u8>,
    /// What comes after everything.
    pub(super) after: &'static [u8],
    /// How much of the end is missing.
    pub(super) cut: usize,
    pub(super) verdict: Verdict,
}

const GOOD: &[u8] = br#"{"name":"a"}"#;

impl Case {
    fn new(name: &'static str, verdict: Verdict, input: impl AsRef<[u8]>) -> Case {
        Case { name, before: b"", input: input.as_ref().to_vec(), after: b"", cut: 0, verdict }
    }

    /// What a channel that wraps inputs like this sends.
    pub(super) fn message(&self, wrap: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
        if self.verdict == Verdict::Empty {
            return Vec::new();
        }
        let mut message = [self.before, &wrap(&self.input), self.after].concat();
        message.truncate(message.len() - self.cut);
        message
    }
}

fn thing(value: impl AsRef<[u8]>) -> Vec<u8> {
    [br#"{"name":"a","thing":"#, value.as_ref(), b"}"].concat()
}

fn name(value: impl AsRef<[u8]>) -> Vec<u8> {
    [br#"{"name":"#, value.as_ref(), b"}"].concat()
}

fn nested(open: &str, close: &str) -> Vec<u8> {
    thing([open.repeat(10_000), "1".to_owned(), close.repeat(10_000)].concat())
}

/// The table.
pub(super) fn cases() -> Vec<Case> {
    let unreadable = |name, input: Vec<u8>| Case::new(name, Verdict::Unreadable, input);
    let not_text = |name, input: Vec<u8>| Case::new(name, Verdict::NotText, input);
    let unfit = |name, input: Vec<u8>| Case::new(name, Verdict::Unfit, input);
    let mut cases = vec![
        unreadable("a key twice", br#"{"name":"a","name":"b"}"#.to_vec()),
        unreadable("a key twice with the same value", br#"{"name":"a","name":"a"}"#.to_vec()),
        unreadable("a key twice, once escaped", br#"{"name":"a","\u006eame":"b"}"#.to_vec()),
        unreadable("a key twice below", thing(br#"{"x":[{"y":1,"z":2,"y":3}]}"#)),
        unreadable("__proto__ twice", thing(br#"{"__proto__":1,"__proto__":2}"#)),
        unreadable("1e999", thing("1e999")),
        unreadable("-1e999", thing("[-1e999]")),
        unreadable("an integer of 400 digits", thing("9".repeat(400))),
        unreadable("a fraction with an endless exponent", thing(format!("1.5e{}", "9".repeat(1_000)))),
        unreadable("10 000 arrays", nested("[", "]")),
        unreadable("10 000 objects", nested("{\"a\":", "}")),
        unreadable("10 000 arrays that do not end", thing("[".repeat(10_000))),
        unreadable("a high surrogate alone", name(br#""\ud800""#)),
        unreadable("a low surrogate alone", name(br#""\udc00""#)),
        unreadable("surrogates the wrong way round", name(br#""\udc00\ud800""#)),
        unreadable("a surrogate in a key", br#"{"name":"a","\ud800":1}"#.to_vec()),
        unreadable("a control character", name(b"\"a\x01b\"")),
        unreadable("NaN", thing("NaN")),
        unreadable("Infinity", thing("-Infinity")),
        unreadable("a leading zero", thing("007")),
        unreadable("a hexadecimal number", thing("0x10")),
        unreadable("single quotes", b"{'name':'a'}".to_vec()),
        unreadable("a comma too many", br#"{"name":"a",}"#.to_vec()),
        unreadable("a comment", br#"{"name":"a"/**/}"#.to_vec()),
        not_text("bytes that are no UTF-8", name(b"\"\xff\xfe\"")),
        not_text("an overlong slash", name(b"\"\xc0\xaf\"")),
        not_text("a surrogate in UTF-8", name(b"\"\xed\xa0\x80\"")),
        unfit("nothing that is needed", b"{}".to_vec()),
        unfit("an array", b"[]".to_vec()),
        unfit("null for a text", name("null")),
        unfit("a stranger called __proto__", br#"{"name":"a","__proto__":{"thing":1}}"#.to_vec()),
        unfit("a stranger called constructor", br#"{"name":"a","constructor":{"prototype":{}}}"#.to_vec()),
        unfit("a key of a megabyte", format!(r#"{{"name":"a","{}":1}}"#, "k".repeat(1_000_000)).into_bytes()),
        unfit("many strangers", strangers()),
        Case::new("a text of 3 MiB", Verdict::TooLarge, name(format!("\"{}\"", "x".repeat(3 << 20)))),
        Case::new(
            "just too large",
            Verdict::TooLarge,
            name(format!("\"{}\"", "x".repeat(PAYLOAD_BYTES_MAX))),
        ),
        Case::new("nothing", Verdict::Empty, ""),
    ];
    let whole = |name| Case::new(name, Verdict::Unreadable, GOOD);
    cases.extend([
        Case { before: b"\xef\xbb\xbf", ..whole("a byte order mark") },
        Case { after: b" x", ..whole("a word behind it") },
        Case { after: b"{}", ..whole("a second value") },
        Case { after: b"\0", ..Case::new("a NUL behind it", Verdict::Unreadable, GOOD) },
        Case { cut: 1, ..whole("cut short by one") },
        Case { cut: 4, ..whole("cut short in a text") },
    ]);
    cases
}

fn strangers() -> Vec<u8> {
    let fields: Vec<String> = (0..10_000).map(|number| format!(",\"k{number}\":{number}")).collect();
    format!("{{\"name\":\"a\"{}}}", fields.concat()).into_bytes()
}
