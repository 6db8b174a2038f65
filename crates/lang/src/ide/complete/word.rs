//! Words of the language that fit a place, most of them with holes to fill in.

use super::cursor::Cursor;
use super::place::Place;
use super::{Item, ItemKind};
use crate::ide::vocabulary;

/// A word, what it inserts, and how far up it is listed.
type Word = (&'static str, &'static str, u8);

const TOP: &[Word] = &[
    ("workflow", "workflow ${1:Name}(${2:input}: ${3:any}) -> (${4:any}):\n    ${0:close complete}", 1),
    (
        "activity",
        "activity ${1:Name}(${2:input}: ${3:any}) -> (${4:any}):\n    default_options:\n        start_to_close_timeout: ${5:30s}\n    ${0:...}",
        1,
    ),
    ("type", "type ${1:Name}:\n    ${2:field}: ${0:string}", 1),
    ("nexus service", "nexus service ${1:Name}:\n    async ${2:Operation} workflow ${0:Workflow}", 2),
    ("worker", "worker ${1:Name}:\n    ${0:workflow}", 2),
    (
        "namespace",
        "namespace ${1:name}:\n    worker ${2:Worker}\n        options:\n            task_queue: \"${0:queue}\"",
        2,
    ),
    ("package", "package ${0:name}", 3),
    ("import", "import \"${0:path}\"", 3),
];

/// Heads of a workflow.
const HEADS: &[Word] = &[
    ("signal", "signal ${1:Name}(${2:value}: ${3:any}):\n    ${0:pass}", 3),
    ("query", "query ${1:Name}() -> (${2:any}):\n    return ${0:null}", 3),
    ("update", "update ${1:Name}(${2:value}: ${3:any}) -> (${4:any}):\n    return ${0:null}", 3),
    ("state", "state:\n    ${0}", 4),
    ("default_options", "default_options:\n    ${0}", 4),
    ("on_cancel", "on_cancel:\n    ${0:pass}", 4),
];

const DURABLE: &[Word] = &[
    ("activity", "activity ", 1),
    ("workflow", "workflow ", 1),
    ("nexus", "nexus ", 2),
    ("await", "await ", 1),
    ("await one", "await one:\n    ${1:timer(5m)}:\n        ${0:pass}", 2),
    ("await all", "await all:\n    $0", 2),
    ("await timer", "await timer(${0:5m})", 2),
    ("promise", "promise ${1:name} <- ${0}", 2),
    ("detach", "detach ", 3),
    ("set", "set ", 2),
    ("unset", "unset ", 2),
    ("cancel", "cancel ", 3),
    ("try", "try:\n    ${1:pass}\ncatch ${2:e}:\n    ${0:pass}", 3),
    ("raise", "raise ${1:Failure}(\"${0:why}\")", 3),
    ("close complete", "close complete(${0})", 1),
    ("close fail", "close fail(${0})", 2),
    ("close continue_as_new", "close continue_as_new(${0})", 3),
];

const PLAIN: &[Word] = &[
    ("if", "if (${1:condition}):\n    ${0:pass}", 2),
    ("else", "else:\n    ${0:pass}", 4),
    ("elif", "elif (${1:condition}):\n    ${0:pass}", 4),
    ("for", "for (${1:item} in ${2:items}):\n    ${0:pass}", 2),
    ("switch", "switch (${1:value}):\n    case ${2:\"a\"}:\n        ${0:pass}", 3),
    ("return", "return ", 2),
    ("break", "break", 4),
    ("continue", "continue", 4),
    ("pass", "pass", 4),
];

const RACE: &[Word] = &[
    ("timer", "timer(${1:5m}):\n    ${0:pass}", 1),
    ("signal", "signal ", 1),
    ("update", "update ", 2),
    ("activity", "activity ", 2),
    ("workflow", "workflow ", 2),
    ("nexus", "nexus ", 2),
    ("await all", "await all:\n    $0", 3),
    ("fail", "fail ${1:e}:\n    ${0:pass}", 3),
];

/// What can be awaited, beside names.
const TARGETS: &[Word] = &[
    ("timer", "timer(${0:5m})", 1),
    ("signal", "signal ", 1),
    ("update", "update ", 2),
    ("activity", "activity ", 2),
    ("workflow", "workflow ", 2),
    ("nexus", "nexus ", 2),
];

const AWAITS: &[Word] = &[
    ("one", "one:\n    ${1:timer(5m)}:\n        ${0:pass}", 1),
    ("all", "all:\n    $0", 1),
    ("condition", "condition (${0:true})", 3),
    ("all_handlers_finished", "all_handlers_finished", 3),
];

impl Cursor<'_> {
    /// The words that begin a line here.
    pub(super) fn line_words(&self, place: Place) -> Vec<Item> {
        match place {
            Place::Top => self.words(TOP),
            Place::Durable { in_workflow } => {
                let mut items = self.words(DURABLE);
                items.extend(self.words(PLAIN));
                items.extend(self.words(&[("signal", "signal ", 3)]));
                if in_workflow && self.is_head() {
                    items.extend(self.words(HEADS));
                }
                let in_handler = super::place::handler(&self.around).map(|(kind, _)| kind);
                if in_handler == Some(crate::twf::ast::HandlerKind::Update) && self.around.len() == 2 {
                    items.extend(self.words(&[("validator", "validator:\n    ${0:pass}", 4)]));
                }
                if in_handler.is_some() && self.around.len() == 2 {
                    items.extend(self.words(&[("options", "options:\n    $0", 4)]));
                }
                items
            }
            Place::Reads { is_validator } => {
                let mut items = self.words(PLAIN);
                if is_validator {
                    items.extend(self.words(&[("reject", "reject \"${0:why}\"", 1)]));
                }
                items
            }
            Place::Activity => {
                let mut items = self.words(PLAIN);
                items.extend(self.words(&[("heartbeat", "heartbeat(${0})", 2)]));
                if self.around.len() == 1 {
                    items.extend(self.words(&[("default_options", "default_options:\n    ${0}", 1)]));
                }
                items
            }
            Place::Race => self.words(RACE),
            Place::Switch => self.words(&[
                ("case", "case ${1:\"a\"}:\n    ${0:pass}", 1),
                ("else", "else:\n    ${0:pass}", 2),
            ]),
            Place::State => self.words(&[("condition", "condition ${0:name}", 1)]),
            Place::Worker => self.words(&[
                ("workflow", "workflow ", 1),
                ("activity", "activity ", 1),
                ("nexus service", "nexus service ", 2),
            ]),
            Place::Namespace => self.words(&[
                ("worker", "worker ${1:Name}\n    options:\n        task_queue: \"${0:queue}\"", 1),
                (
                    "nexus endpoint",
                    "nexus endpoint ${1:Name}\n    options:\n        task_queue: \"${0:queue}\"",
                    1,
                ),
            ]),
            Place::Service => self.words(&[
                ("async", "async ${1:Name} workflow ${0:Workflow}", 1),
                ("sync", "sync ${1:Name}(${2:input}: ${3:any}) -> (${4:any}):\n    return ${0:null}", 1),
            ]),
            Place::Under => self.words(&[("options", "options:\n    $0", 1)]),
            Place::Type | Place::Options(_) | Place::Free => Vec::new(),
        }
    }

    /// What can be awaited; `all` and `one` only by the statement itself.
    pub(super) fn targets(&self, is_statement: bool) -> Vec<Item> {
        let mut items = self.words(TARGETS);
        if is_statement {
            items.extend(self.words(AWAITS));
        }
        items
    }

    /// Plain words with their meaning.
    pub(super) fn plain(&self, words: &[&'static str]) -> Vec<Item> {
        words
            .iter()
            .map(|word| Item {
                detail: vocabulary::sentence(word).to_string(),
                ..self.item(word, ItemKind::Keyword)
            })
            .collect()
    }

    fn words(&self, words: &[Word]) -> Vec<Item> {
        words
            .iter()
            .map(|(label, insert, rank)| {
                let is_snippet = insert.contains('$');
                let main =
                    label.split(' ').find(|word| *word != "nexus" && *word != "close").unwrap_or(label);
                let main = if *label == "nexus" { label } else { main };
                Item {
                    detail: vocabulary::sentence(main).to_string(),
                    insert: (*insert).to_string(),
                    is_snippet,
                    rank: *rank,
                    ..self.item(label, if is_snippet { ItemKind::Snippet } else { ItemKind::Keyword })
                }
            })
            .collect()
    }

    /// Whether no statement of the workflow stands before the line, so that handlers may.
    fn is_head(&self) -> bool {
        let Some((_, crate::twf::ast::Definition::Workflow(workflow))) = self.definition else {
            return self.around.len() == 1;
        };
        let first = workflow.body.first().map_or(u32::MAX, |stmt| stmt.span.start);
        self.around.len() == 1 && self.word.start <= first
    }
}
