//! Texts that lead somewhere: `@ref("path:line")`, and the paths of imports.

use super::Analysis;
use crate::text::source::{SourceId, Span};
use crate::twf::token::TokenKind;

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// A file as written, relative to the one that names it or to a folder above, and a line from 1.
    Path(String, Option<u32>),
    /// A file of the workspace.
    File(SourceId),
}

impl Analysis {
    /// The links of a file by place.
    pub fn links(&self, id: SourceId) -> Vec<(Span, Link)> {
        let Some(file) = self.file(id) else { return Vec::new() };
        let mut links = Vec::new();
        for (at, import) in file.parsed.unit.imports.iter().enumerate() {
            let imported = self.table().home(id).and_then(|home| home.imports.get(at));
            let package = imported.and_then(|it| it.packages.first());
            let target = package.and_then(|package| self.table().files_of(*package).first().copied());
            let path =
                file.tokens_in(import.span.start, import.span.end).find(|it| it.kind == TokenKind::Str);
            if let (Some(target), Some(path)) = (target, path) {
                links.push((file.span(path.start + 1, path.end.saturating_sub(1)), Link::File(target)));
            }
        }
        // The tokens and not the tree: annotations of statements are not kept in it.
        for tokens in file.tokens.windows(4) {
            let [sign, name, open, path] = tokens else { continue };
            let is_ref = sign.kind == TokenKind::At
                && file.word(name) == "ref"
                && open.kind == TokenKind::OpenParen
                && path.kind == TokenKind::Str;
            if is_ref {
                let inner = file.span(path.start + 1, path.end.saturating_sub(1).max(path.start + 1));
                links.push((inner, reference(file.slice(inner))));
            }
        }
        links.sort_by_key(|(span, _)| *span);
        links
    }
}

/// `path`, `path:line` or `path:line:column`.
fn reference(text: &str) -> Link {
    let mut parts = text.splitn(3, ':');
    let path = parts.next().unwrap_or(text).to_string();
    Link::Path(path, parts.next().and_then(|line| line.parse().ok()))
}
