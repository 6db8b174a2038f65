//! Renaming, everywhere at once.

use super::Analysis;
use super::names::{Name, Occurrence};
use super::symbol::Symbol;
use crate::text::diagnostic::Edit;
use crate::text::source::{SourceId, Span};
use crate::twf::token::is_keyword;

/// Why something cannot be renamed, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenameError {
    /// Nothing stands there.
    #[error("there is no name here")]
    Nothing,
    /// It belongs to the language.
    #[error("`{0}` belongs to the language")]
    Language(String),
    /// A package is named by its files.
    #[error(
        "`{0}` is the name of a package; write an alias before the path of the import to name it otherwise"
    )]
    Package(String),
    /// A field is known by its type only.
    #[error("the fields of `{0}` cannot be renamed here: the type it belongs to is not declared")]
    Field(String),
    /// The new name is no name.
    #[error("`{0}` is no name: a letter or `_`, then letters, digits and `_`")]
    NoName(String),
    /// The new name is a keyword.
    #[error("`{0}` is a keyword")]
    Keyword(String),
    /// Something else has the name.
    #[error("`{0}` exists already")]
    Taken(String),
}

impl Analysis {
    /// The name at a byte, when it can be renamed.
    pub fn prepare_rename(&self, id: SourceId, byte: u32) -> Result<Span, RenameError> {
        self.renamed(id, byte).map(|(span, _)| span)
    }

    /// The changes that give what stands at a byte another name, file by file, none overlapping.
    pub fn rename(&self, id: SourceId, byte: u32, new: &str) -> Result<Vec<Edit>, RenameError> {
        let (_, symbol) = self.renamed(id, byte)?;
        self.judge(&symbol, new)?;
        let mut edits: Vec<Edit> = self
            .occurrences(&symbol)
            .map(|(_, it)| Edit { span: it.span, replacement: spelled(it, new) })
            .collect();
        edits.sort_by_key(|edit| edit.span);
        edits.dedup_by_key(|edit| edit.span);
        Ok(edits)
    }

    fn renamed(&self, id: SourceId, byte: u32) -> Result<(Span, Symbol), RenameError> {
        let all = self.symbols_at(id, byte);
        // Where a field and a variable share their name, the variable is what was meant.
        let chosen =
            all.iter().find(|(_, symbol)| matches!(symbol, Symbol::Local(..))).or_else(|| all.first());
        let Some((it, symbol)) = chosen else {
            let names = self.file(id).map(|file| file.names_at(byte)).unwrap_or_default();
            return Err(match names.first() {
                Some(it) if it.name == Name::Member => RenameError::Field(it.text.to_string()),
                _ => RenameError::Nothing,
            });
        };
        if symbol.is_of_language() {
            return Err(RenameError::Language(it.text.to_string()));
        }
        match symbol {
            Symbol::Package(..) if !self.has_alias(id, &it.text) => {
                Err(RenameError::Package(it.text.to_string()))
            }
            Symbol::Field(label, _) if !self.table().types.contains_key(label) => {
                Err(RenameError::Field(label.to_string()))
            }
            _ => Ok((it.span, symbol.clone())),
        }
    }

    fn has_alias(&self, id: SourceId, alias: &str) -> bool {
        let imports = self.file(id).map(|file| &file.parsed.unit.imports);
        let mut aliases = imports.into_iter().flatten().filter_map(|it| it.alias.as_ref());
        aliases.any(|it| it.name == alias)
    }

    /// Whether the new name can be one, and is free.
    fn judge(&self, symbol: &Symbol, new: &str) -> Result<(), RenameError> {
        let has_holes = matches!(symbol, Symbol::Namespace(_) | Symbol::Endpoint(_));
        if !is_name(new, has_holes) {
            return Err(RenameError::NoName(new.to_string()));
        }
        // A parameter may be called `state`: keywords bind where definitions are named.
        let may_be_keyword = matches!(symbol, Symbol::Field(..));
        if is_keyword(new) && !may_be_keyword
            || matches!(new, "true" | "false" | "null" | "and" | "or" | "not")
        {
            return Err(RenameError::Keyword(new.to_string()));
        }
        let other = with_text(symbol, new);
        if new != symbol.text() && self.occurrences(&other).any(|(_, it)| it.role != super::names::Role::Read)
        {
            return Err(RenameError::Taken(new.to_string()));
        }
        Ok(())
    }
}

/// A field and a variable that shared a name are written apart.
fn spelled(it: &Occurrence, new: &str) -> String {
    match &it.name {
        _ if !it.is_short => new.to_string(),
        Name::Field(_) => format!("{new}: {}", it.text),
        _ => format!("{}: {new}", it.text),
    }
}

fn is_name(text: &str, has_holes: bool) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (has_holes && matches!(c, '-' | '{' | '}'));
    starts && text.chars().all(fits)
}

/// The symbol of the same kind and home with another name.
fn with_text(symbol: &Symbol, new: &str) -> Symbol {
    let mut other = symbol.clone();
    match &mut other {
        Symbol::Global(_, _, name)
        | Symbol::Foreign(_, _, name)
        | Symbol::Namespace(name)
        | Symbol::Endpoint(name)
        | Symbol::Type(name)
        | Symbol::Field(_, name)
        | Symbol::Package(_, name)
        | Symbol::Operation(_, name)
        | Symbol::Message(_, _, name)
        | Symbol::Local(_, _, _, name)
        | Symbol::Function(name)
        | Symbol::RunField(name)
        | Symbol::Pseudo(name)
        | Symbol::Key(_, name) => *name = new.into(),
    }
    other
}
