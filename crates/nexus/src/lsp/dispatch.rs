//! From the name of a method to what answers it.

use gen_lsp_types::{
    CallHierarchyIncomingCallsRequest, CallHierarchyOutgoingCallsRequest, CallHierarchyPrepareRequest,
    CodeActionRequest, CompletionRequest, DefinitionRequest, DocumentFormattingRequest,
    DocumentHighlightRequest, DocumentLinkRequest, DocumentSymbolRequest, FoldingRangeRequest, HoverRequest,
    InlayHintRequest, PrepareRenameRequest, ReferencesRequest, RenameRequest, Request, SelectionRangeRequest,
    SemanticTokensRangeRequest, SemanticTokensRequest, SignatureHelpRequest, WorkspaceSymbolRequest,
};
use lsp_server::{ErrorCode, ResponseError};
use serde_json::Value as Json;

use super::snapshot::Snapshot;
use super::{action, calling, colour, handler, shape};

/// What answers a request.
pub(super) type Handler = fn(&Snapshot, Json) -> Result<Json, ResponseError>;

/// The handler of a method.
pub(super) fn find(method: &str) -> Option<Handler> {
    HANDLERS.iter().find(|(name, _)| *name == method).map(|(_, handler)| *handler)
}

macro_rules! handlers {
    ($($request:ty => $method:literal, $answer:path;)*) => {
        /// Every method that is answered.
        const HANDLERS: &[(&str, Handler)] = &[$(($method, |snapshot, params| {
            answer::<$request>(snapshot, params, $answer)
        })),*];

        #[cfg(test)]
        const METHODS: &[(&str, gen_lsp_types::LspRequestMethod<'static>)] = &[$(($method, <$request>::METHOD)),*];
    };
}

handlers! {
    CallHierarchyIncomingCallsRequest => "callHierarchy/incomingCalls", calling::incoming;
    CallHierarchyOutgoingCallsRequest => "callHierarchy/outgoingCalls", calling::outgoing;
    CallHierarchyPrepareRequest => "textDocument/prepareCallHierarchy", calling::prepare;
    CodeActionRequest => "textDocument/codeAction", action::actions;
    CompletionRequest => "textDocument/completion", handler::completion;
    DefinitionRequest => "textDocument/definition", handler::definition;
    DocumentFormattingRequest => "textDocument/formatting", shape::format;
    DocumentHighlightRequest => "textDocument/documentHighlight", handler::highlights;
    DocumentLinkRequest => "textDocument/documentLink", shape::links;
    DocumentSymbolRequest => "textDocument/documentSymbol", handler::symbols;
    FoldingRangeRequest => "textDocument/foldingRange", shape::folds;
    HoverRequest => "textDocument/hover", handler::hover;
    InlayHintRequest => "textDocument/inlayHint", shape::hints;
    PrepareRenameRequest => "textDocument/prepareRename", handler::prepare_rename;
    ReferencesRequest => "textDocument/references", handler::references;
    RenameRequest => "textDocument/rename", handler::rename;
    SelectionRangeRequest => "textDocument/selectionRange", shape::selections;
    SemanticTokensRangeRequest => "textDocument/semanticTokens/range", colour::range;
    SemanticTokensRequest => "textDocument/semanticTokens/full", colour::full;
    SignatureHelpRequest => "textDocument/signatureHelp", handler::signature;
    WorkspaceSymbolRequest => "workspace/symbol", handler::search;
}

fn answer<R: Request>(
    snapshot: &Snapshot,
    params: Json,
    handler: fn(&Snapshot, R::Params) -> Result<R::Result, ResponseError>,
) -> Result<Json, ResponseError> {
    let error =
        |code, error: serde_json::Error| ResponseError { code, message: error.to_string(), data: None };
    let params = serde_json::from_value(params).map_err(|it| error(ErrorCode::InvalidParams as i32, it))?;
    let result = handler(snapshot, params)?;
    serde_json::to_value(result).map_err(|it| error(ErrorCode::InternalError as i32, it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_those_of_the_protocol() {
        for (name, method) in METHODS {
            assert_eq!(*name, method.to_string());
        }
    }
}
