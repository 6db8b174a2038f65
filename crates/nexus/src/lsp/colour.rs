//! Semantic tokens: words with their meaning, as five numbers each.
#![expect(clippy::unnecessary_wraps, reason = "every handler has the same shape, and some can fail")]

use gen_lsp_types::{
    SemanticToken, SemanticTokens, SemanticTokensLegend, SemanticTokensParams, SemanticTokensRangeParams,
};
use lsp_server::ResponseError;
use nexus_lang::ide::{Coloured, TokenType, modifier};

use super::snapshot::{Snapshot, View};

/// The protocol's names for what words are, in the order of their numbers.
const TYPES: &[(TokenType, &str)] = &[
    (TokenType::Keyword, "keyword"),
    (TokenType::Comment, "comment"),
    (TokenType::String, "string"),
    (TokenType::Number, "number"),
    (TokenType::Operator, "operator"),
    (TokenType::Workflow, "class"),
    (TokenType::Function, "function"),
    (TokenType::Method, "method"),
    (TokenType::Service, "interface"),
    (TokenType::Namespace, "namespace"),
    (TokenType::Type, "type"),
    (TokenType::Event, "event"),
    (TokenType::Parameter, "parameter"),
    (TokenType::Variable, "variable"),
    (TokenType::Property, "property"),
    (TokenType::Condition, "enumMember"),
    (TokenType::Decorator, "decorator"),
];

/// The same for what is special about them, in the order of their bits.
const MODIFIERS: &[(u32, &str)] = &[
    (modifier::DEFINITION, "definition"),
    (modifier::MODIFICATION, "modification"),
    (modifier::LIBRARY, "defaultLibrary"),
    (modifier::DOCUMENTATION, "documentation"),
];

pub(super) fn legend() -> SemanticTokensLegend {
    SemanticTokensLegend {
        token_types: TYPES.iter().map(|(_, name)| (*name).to_owned()).collect(),
        token_modifiers: MODIFIERS.iter().map(|(_, name)| (*name).to_owned()).collect(),
    }
}

pub(super) fn full(
    snapshot: &Snapshot,
    params: SemanticTokensParams,
) -> Result<Option<SemanticTokens>, ResponseError> {
    let Some((view, id)) = snapshot.document(&params.text_document.uri) else { return Ok(None) };
    Ok(Some(tokens(view, &view.analysis.coloured(id, None))))
}

pub(super) fn range(
    snapshot: &Snapshot,
    params: SemanticTokensRangeParams,
) -> Result<Option<SemanticTokens>, ResponseError> {
    let Some((view, id)) = snapshot.document(&params.text_document.uri) else { return Ok(None) };
    let part = view.span(id, params.range);
    Ok(Some(tokens(view, &view.analysis.coloured(id, part))))
}

/// Each token counts from the one before it.
fn tokens(view: &View, coloured: &[Coloured]) -> SemanticTokens {
    let mut data = Vec::with_capacity(coloured.len());
    let (mut line, mut column) = (0, 0);
    for it in coloured {
        let start = view.range(it.span).start;
        let delta_line = start.line - line;
        let delta_start = if delta_line == 0 { start.character - column } else { start.character };
        (line, column) = (start.line, start.character);
        let ty = TYPES.iter().position(|(ty, _)| *ty == it.ty).unwrap_or(0);
        data.push(SemanticToken {
            delta_line,
            delta_start,
            length: view.encoding.length(view.analysis.slice(it.span)),
            token_type: u32::try_from(ty).unwrap_or(0),
            token_modifiers_bitset: it.modifiers,
        });
    }
    SemanticTokens { result_id: None, data }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_are_the_bits_of_their_places() {
        for (at, (bit, name)) in MODIFIERS.iter().enumerate() {
            assert_eq!(*bit, 1 << at, "{name}");
        }
    }
}
