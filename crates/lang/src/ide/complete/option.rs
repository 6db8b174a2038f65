//! Options: keys that are not there yet, and their values.

use std::collections::HashSet;

use super::cursor::Cursor;
use super::{Item, ItemKind};
use crate::ide::file::is_layout;
use crate::ide::show::type_text;
use crate::ide::vocabulary;
use crate::twf::options::{OptionKey, OptionScope, OptionType};
use crate::twf::token::TokenKind;

/// Durations that are proposed; anything else is typed.
const DURATIONS: &[&str] = &["1s", "10s", "30s", "1m", "5m", "1h", "1d"];

impl Cursor<'_> {
    /// The keys of a block that it does not have yet.
    pub(super) fn keys(&self, scope: OptionScope) -> Vec<Item> {
        let given = self.given(scope);
        let open = scope.keys().filter(|key| !given.contains(key.name));
        open.map(|key| self.key(scope, key)).collect()
    }

    fn key(&self, scope: OptionScope, key: &OptionKey) -> Item {
        let is_block = matches!(key.ty, OptionType::Block(_));
        let insert = match key.ty {
            OptionType::Block(_) => format!("{}:\n    $0", key.name),
            OptionType::Str => format!("{}: \"$0\"", key.name),
            OptionType::StrList => format!("{}: [\"$0\"]", key.name),
            _ => format!("{}: ", key.name),
        };
        let is_required =
            key.name == "task_queue" && matches!(scope, OptionScope::Worker | OptionScope::Endpoint);
        Item {
            detail: type_text(key.ty),
            doc: vocabulary::key(scope, key.name).to_string(),
            is_snippet: insert.contains('$') || is_block,
            insert,
            rank: if is_required { 1 } else { 3 + u8::from(key.is_extension) },
            ..self.item(key.name, ItemKind::Option)
        }
    }

    /// The keys that stand in the same block, by their newest names.
    fn given(&self, scope: OptionScope) -> HashSet<&'static str> {
        let Some(block) = self.around.last().and_then(|it| self.file.layout.under(it.head)) else {
            return HashSet::new();
        };
        let mut starts_line = true;
        let mut given = HashSet::new();
        let from = self.file.tokens.partition_point(|it| it.start < block.start);
        for token in self.file.tokens.iter().skip(from).take_while(|it| it.start < block.end) {
            let is_here = token.start != self.word.start;
            if starts_line && is_here && token.kind == TokenKind::Name {
                given.extend(scope.key(self.file.word(token)).map(|key| key.name));
            }
            starts_line = is_layout(token.kind);
        }
        given
    }

    /// The values of a key.
    pub(super) fn values(&self, scope: OptionScope, key: &str) -> Vec<Item> {
        let Some(key) = scope.key(key) else { return Vec::new() };
        let words: &[&str] = match key.ty {
            OptionType::Enum(words) => words,
            OptionType::Bool => &["true", "false"],
            OptionType::Duration => DURATIONS,
            OptionType::Block(_) => return Vec::new(),
            OptionType::Any | OptionType::Str | OptionType::Number | OptionType::StrList => &[],
        };
        let value = |(at, word): (usize, &&str)| Item {
            detail: key.name.to_string(),
            rank: u8::try_from(at).unwrap_or(u8::MAX),
            ..self.item(word, ItemKind::Value)
        };
        let mut items: Vec<Item> = words.iter().enumerate().map(value).collect();
        if !matches!(key.ty, OptionType::Enum(_)) {
            items.extend(self.locals().into_iter().map(|item| Item { rank: 100, ..item }));
        }
        items
    }
}
