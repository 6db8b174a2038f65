//! Call hierarchy: who calls whom.
#![expect(clippy::unnecessary_wraps, reason = "every handler has the same shape, and some can fail")]

use gen_lsp_types::{
    CallHierarchyIncomingCall, CallHierarchyIncomingCallsParams, CallHierarchyItem,
    CallHierarchyOutgoingCall, CallHierarchyOutgoingCallsParams, CallHierarchyPrepareParams, Range,
};
use lsp_server::ResponseError;
use nexus_lang::ide::{CallEdge, Caller};
use nexus_lang::text::source::Span;

use super::convert::symbol_kind;
use super::snapshot::{Snapshot, View};

type Answer<T> = Result<Option<Vec<T>>, ResponseError>;

pub(super) fn prepare(snapshot: &Snapshot, params: CallHierarchyPrepareParams) -> Answer<CallHierarchyItem> {
    let at = &params.text_document_position_params;
    let Some((view, id, byte)) = snapshot.place(&at.text_document.uri, at.position) else { return Ok(None) };
    Ok(view.analysis.callable(id, byte).map(|it| vec![item(view, &it)]))
}

pub(super) fn incoming(
    snapshot: &Snapshot,
    params: CallHierarchyIncomingCallsParams,
) -> Answer<CallHierarchyIncomingCall> {
    let it = &params.item;
    let Some((view, id, byte)) = snapshot.place(&it.uri, it.selection_range.start) else { return Ok(None) };
    let call = |edge: &CallEdge| CallHierarchyIncomingCall {
        from: item(view, &edge.other),
        from_ranges: ranges(view, &edge.places),
    };
    Ok(Some(view.analysis.incoming(id, byte).iter().map(call).collect()))
}

pub(super) fn outgoing(
    snapshot: &Snapshot,
    params: CallHierarchyOutgoingCallsParams,
) -> Answer<CallHierarchyOutgoingCall> {
    let it = &params.item;
    let Some((view, id, byte)) = snapshot.place(&it.uri, it.selection_range.start) else { return Ok(None) };
    let call = |edge: &CallEdge| CallHierarchyOutgoingCall {
        to: item(view, &edge.other),
        from_ranges: ranges(view, &edge.places),
    };
    Ok(Some(view.analysis.outgoing(id, byte).iter().map(call).collect()))
}

fn ranges(view: &View, places: &[Span]) -> Vec<Range> {
    places.iter().map(|span| view.range(*span)).collect()
}

fn item(view: &View, it: &Caller) -> CallHierarchyItem {
    CallHierarchyItem {
        name: it.name.clone(),
        kind: symbol_kind(it.kind),
        tags: None,
        detail: None,
        uri: view.uri(it.target.full.source),
        range: view.range(it.target.full.to(it.target.name)),
        selection_range: view.range(it.target.name),
        data: None,
    }
}
