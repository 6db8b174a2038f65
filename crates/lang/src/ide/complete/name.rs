//! Names that fit a place.

use super::cursor::Cursor;
use super::place::{Place, defaults_of, handler, place};
use super::{Item, ItemKind};
use crate::ide::hover::primitive;
use crate::ide::lookup::Signature;
use crate::ide::names::{Local, Name, Occurrence, PRIMITIVES, Path, Role};
use crate::ide::symbol::{Imported, Kind, Symbol};
use crate::ide::vocabulary::{self, FUNCTIONS, RUN_FIELDS};
use crate::text::source::{Span, offset};
use crate::twf::ast::{Callee, Definition, HandlerKind, Param, Target};
use crate::twf::infer::FieldInfo;
use crate::twf::token::TokenKind;

impl Cursor<'_> {
    /// Everything that fits.
    pub(super) fn items(&self) -> Vec<Item> {
        let place = defaults_of(&self.around, place(&self.around));
        if self.line.is_empty() {
            return self.beginnings(place);
        }
        if let Place::Options(scope) = place {
            let is_value = self.line.len() == 2 && self.nth(1) == ":";
            return if is_value { self.values(scope, self.nth(0)) } else { Vec::new() };
        }
        if matches!(self.back(0), "." | "?.") {
            return self.members();
        }
        if self.is_header(place) {
            return if self.wants_type() { self.types() } else { Vec::new() };
        }
        self.after_word(place).unwrap_or_else(|| self.expression())
    }

    /// Whether the word before the cursor wants something particular behind it.
    pub(super) fn is_asked(&self) -> bool {
        let words = [
            "activity", "workflow", "nexus", "signal", "update", "await", "set", "unset", "cancel", "detach",
            "close", "raise", "worker", "service", "<-", "external", ":",
        ];
        words.contains(&self.back(0))
            || self.file.nexus_words(&self.line).is_some_and(|words| words.is_empty())
    }

    /// What can begin a line.
    fn beginnings(&self, place: Place) -> Vec<Item> {
        let mut items = self.line_words(place);
        match place {
            Place::Options(scope) => items.extend(self.keys(scope)),
            Place::Race => items.extend(self.waitable()),
            Place::Durable { .. } | Place::Reads { .. } | Place::Activity => {
                items.extend(self.locals().into_iter().map(|item| Item { rank: 6, ..item }));
                let effects =
                    FUNCTIONS.iter().filter(|it| matches!(it.name, "log" | "set_details" | "set_memo"));
                items.extend(effects.map(|it| Item { rank: 7, ..self.function(it.name, it) }));
            }
            _ => {}
        }
        items
    }

    /// Whether the line declares something.
    fn is_header(&self, place: Place) -> bool {
        let has_name = self.line.get(1).is_some_and(|it| it.kind == TokenKind::Name);
        match (place, self.nth(0)) {
            (Place::Service, "async") => false,
            (Place::Top | Place::Type | Place::Service, _) => true,
            (Place::Durable { in_workflow: true }, "signal" | "query" | "update") => {
                has_name && self.nth(2) != "."
            }
            (_, "catch") => self.line.len() > 1,
            _ => false,
        }
    }

    fn wants_type(&self) -> bool {
        let in_result = self.line.iter().any(|it| it.kind == TokenKind::Arrow);
        match self.back(0) {
            ":" | "->" | "]" | "[" | "<" => true,
            "(" | "," => in_result,
            _ => false,
        }
    }

    /// What a word right before the cursor asks for; nothing when an expression stands here.
    fn after_word(&self, place: Place) -> Option<Vec<Item>> {
        let is_target = self.line.iter().any(|it| matches!(self.file.word(it), "await" | "<-"));
        Some(match self.back(0) {
            "activity" => self.callees(Kind::Activity, place),
            "workflow" | "child" => self.callees(Kind::Workflow, place),
            "external" => self.callees(Kind::Workflow, Place::Worker),
            "nexus" => match place {
                Place::Worker => self.plain(&["service"]),
                Place::Namespace => self.plain(&["endpoint"]),
                _ => self.endpoints(),
            },
            "service" if place == Place::Worker => self.globals(Kind::Service),
            "worker" if place == Place::Namespace => self.globals(Kind::Worker),
            "signal" if is_target || place == Place::Race => self.messages(HandlerKind::Signal),
            "signal" => self.receivers(),
            "update" if is_target || place == Place::Race => self.messages(HandlerKind::Update),
            "set" | "unset" if self.line.len() == 1 => self.local_kind(Local::Condition),
            "cancel" if self.line.len() == 1 => self.receivers(),
            "await" => [self.targets(self.line.len() == 1), self.waitable()].concat(),
            "<-" => self.targets(false),
            "detach" => self.plain(&["workflow", "nexus"]),
            "close" => self.plain(&["complete", "fail", "continue_as_new"]),
            "promise" | "for" | "import" | "catch" | "condition" => Vec::new(),
            "raise" => self.failures(),
            "->" => self.local_kind(Local::Variable),
            _ if self.nth(0) == "async" => match self.line.len() {
                2 => self.plain(&["workflow"]),
                _ => Vec::new(),
            },
            _ => return self.nexus_parts(),
        })
    }

    /// The service after an endpoint.
    fn nexus_parts(&self) -> Option<Vec<Item>> {
        let words = self.file.nexus_words(&self.line)?;
        words.is_empty().then(|| [self.globals(Kind::Service), self.imports()].concat())
    }

    /// What stands behind a dot.
    fn members(&self) -> Vec<Item> {
        let words: Vec<&str> = self.line.iter().map(|it| self.file.word(it)).collect();
        match words.as_slice() {
            [.., "activity", alias, "."] => self.of_import(Kind::Activity, alias),
            [.., "workflow", alias, "."] => self.of_import(Kind::Workflow, alias),
            ["nexus", "service", alias, "."] => self.of_import(Kind::Service, alias),
            ["signal", handle, "."] => self.signals_of(handle),
            ["signal", "external", workflow, "(", .., ")", "."] => self.signals_of_workflow(workflow),
            [.., "workflow", "."] => self.run_fields(),
            _ => match self.file.nexus_words(&self.line).as_deref() {
                Some([first, "."]) => {
                    [self.operations(first, None), self.of_import(Kind::Service, first)].concat()
                }
                Some([first, ".", second, "."]) => self.operations(second, Some(first)),
                _ => self.value_members(),
            },
        }
    }

    /// The fields of a value, and functions as methods.
    fn value_members(&self) -> Vec<Item> {
        let fields = self.fields().into_iter().map(|field| Item {
            detail: field.ty.to_string(),
            doc: field.doc,
            rank: 1,
            ..self.item(&field.name, ItemKind::Field)
        });
        let methods = FUNCTIONS.iter().filter(|it| !it.params.is_empty());
        fields.chain(methods.map(|it| Item { rank: 6, ..self.function(it.name, it) })).collect()
    }

    /// The fields of what stands before the dot, when it is a chain of names that begins with a variable.
    fn fields(&self) -> Vec<FieldInfo> {
        let mut names: Vec<&str> = Vec::new();
        for pair in self.line.rchunks(2) {
            let [name, dot] = pair else { break };
            if name.kind != TokenKind::Name || !matches!(dot.kind, TokenKind::Dot | TokenKind::OptDot) {
                break;
            }
            names.push(self.file.word(name));
        }
        let Some(root) = names.pop() else { return Vec::new() };
        names.reverse();
        let roots: Vec<Span> = self.bound(root).map(|it| it.span).collect();
        let start = self.line.first().map_or(self.word.start, |token| token.start);
        let line = self.file.span(start, self.file.line_end(self.word.end));
        self.analysis.fields_without(line, &roots, &names)
    }

    /// Where a variable that is in scope gets its values.
    fn bound<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Occurrence> {
        let owner = self.definition.map_or(u32::MAX, |(at, _)| offset(at));
        self.file.names.iter().filter(move |it| match it.name {
            Name::Local(of, scope, _) => {
                of == owner && it.role != Role::Read && it.text == name && self.in_scope(it, scope)
            }
            _ => false,
        })
    }

    fn run_fields(&self) -> Vec<Item> {
        RUN_FIELDS
            .iter()
            .map(|(name, ty, doc)| Item {
                detail: (*ty).to_string(),
                doc: (*doc).to_string(),
                rank: 1,
                ..self.item(name, ItemKind::Field)
            })
            .collect()
    }

    /// What can stand in an expression; nothing right after a value.
    fn expression(&self) -> Vec<Item> {
        let after_value = self.line.last().is_some_and(|it| match it.kind {
            TokenKind::Name => !matches!(
                self.file.word(it),
                "return"
                    | "raise"
                    | "reject"
                    | "if"
                    | "elif"
                    | "for"
                    | "in"
                    | "and"
                    | "or"
                    | "not"
                    | "else"
                    | "case"
                    | "switch"
                    | "complete"
                    | "fail"
            ),
            TokenKind::Number | TokenKind::Duration | TokenKind::Str => true,
            kind => kind.is_closer(),
        });
        if after_value {
            return self.plain(&["and", "or", "in", "not"]);
        }
        let mut items = self.locals();
        items.extend(FUNCTIONS.iter().map(|it| Item { rank: 7, ..self.function(it.name, it) }));
        items.extend(self.declared_types().into_iter().map(|item| Item { rank: 6, ..item }));
        let words = self.plain(&["true", "false", "null", "not"]);
        items.extend(words.into_iter().map(|item| Item { rank: 8, ..item }));
        let run = Item {
            detail: vocabulary::pseudo("workflow").unwrap_or("").to_string(),
            ..self.item("workflow", ItemKind::Variable)
        };
        items.push(Item { rank: 7, ..run });
        items.extend(self.arguments());
        items
    }

    /// The names of the parameters of the call that the cursor stands in.
    fn arguments(&self) -> Vec<Item> {
        if !matches!(self.back(0), "(" | ",") {
            return Vec::new();
        }
        let call = self.analysis.call_at(self.file, self.word.start);
        let Some(signature) = call.and_then(|(symbol, ..)| self.analysis.signature(&symbol)) else {
            return Vec::new();
        };
        signature
            .params
            .iter()
            .map(|param| Item {
                detail: param_type(&signature, param),
                insert: format!("{}: ", param.name.name),
                rank: 9,
                ..self.item(&format!("{}:", param.name.name), ItemKind::Field)
            })
            .collect()
    }

    fn function(&self, name: &str, function: &vocabulary::Function) -> Item {
        let is_method = matches!(self.back(0), "." | "?.");
        let open = function.params.len() > usize::from(is_method);
        let insert = match (self.has_arguments(), open) {
            (true, _) => name.to_string(),
            (false, true) => format!("{name}($0)"),
            (false, false) => format!("{name}()"),
        };
        Item {
            detail: function.signature(),
            doc: function.doc.to_string(),
            is_snippet: insert.contains('$'),
            insert,
            ..self.item(name, ItemKind::Function)
        }
    }

    /// The variables, promises and conditions that are in scope.
    pub(super) fn locals(&self) -> Vec<Item> {
        let Some((owner, _)) = self.definition else { return Vec::new() };
        let owner = offset(owner);
        let mut items: Vec<Item> = Vec::new();
        for it in
            self.file.names.iter().filter(|it| it.role != Role::Read && it.span.start != self.word.start)
        {
            let Name::Local(of, scope, kind) = it.name else { continue };
            if of == owner && self.in_scope(it, scope) && !items.iter().any(|item| item.label == it.text) {
                items.push(self.local(it, kind));
            }
        }
        items
    }

    fn local(&self, it: &Occurrence, kind: Local) -> Item {
        let (kind, detail) = match kind {
            Local::Parameter => (ItemKind::Variable, "parameter"),
            Local::Variable => (ItemKind::Variable, "variable"),
            Local::Promise => (ItemKind::Promise, "promise"),
            Local::Condition => (ItemKind::Condition, "condition"),
        };
        Item { detail: detail.to_string(), rank: 3, ..self.item(&it.text, kind) }
    }

    /// Whether a scope encloses the cursor: that of the definition, of its handler or operation, of a branch whose
    /// header stands around, or of a lambda on the same line.
    fn in_scope(&self, it: &Occurrence, scope: u32) -> bool {
        let numbered = match self.definition {
            Some((_, Definition::Workflow(workflow))) => workflow.handlers.len(),
            Some((_, Definition::Service(service))) => service.operations.len(),
            _ => 0,
        };
        if scope == 0 {
            return true;
        }
        if scope <= offset(numbered) {
            return Some(scope) == self.numbered_scope();
        }
        let head = self.file.line_start(it.span.start);
        let is_around = self.around.iter().any(|block| self.file.line_start(block.head) == head);
        let is_line = self.line.first().is_some_and(|first| self.file.line_start(first.start) == head);
        is_around || is_line
    }

    /// The scope of the handler or operation around.
    fn numbered_scope(&self) -> Option<u32> {
        let at = match self.definition?.1 {
            Definition::Workflow(it) => {
                let (kind, name) = handler(&self.around)?;
                it.handlers.iter().position(|it| it.kind == kind && it.name.name == name)?
            }
            Definition::Service(it) => {
                let name = self.around.get(1)?.word(1);
                it.operations.iter().position(|it| it.name().name == name)?
            }
            _ => return None,
        };
        Some(offset(at) + 1)
    }

    fn local_kind(&self, kind: Local) -> Vec<Item> {
        let wanted = match kind {
            Local::Condition => ItemKind::Condition,
            Local::Promise => ItemKind::Promise,
            _ => ItemKind::Variable,
        };
        self.locals().into_iter().filter(|item| item.kind == wanted).collect()
    }

    /// Promises and conditions.
    fn waitable(&self) -> Vec<Item> {
        let all = [self.local_kind(Local::Promise), self.local_kind(Local::Condition)].concat();
        all.into_iter().map(|item| Item { rank: 1, ..item }).collect()
    }

    fn receivers(&self) -> Vec<Item> {
        [self.local_kind(Local::Promise), self.plain(&["external"])].concat()
    }

    /// Types of failure that the files name.
    fn failures(&self) -> Vec<Item> {
        let labels = self.file.names.iter().filter(|it| it.name == Name::Type);
        let mut names: Vec<&str> = labels.map(|it| it.text.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let made = |name: &str| Item {
            insert: format!("{name}(\"$0\")"),
            is_snippet: true,
            ..self.item(name, ItemKind::Type)
        };
        [names.into_iter().map(made).collect(), self.local_kind(Local::Variable)].concat()
    }

    fn types(&self) -> Vec<Item> {
        let built_in = PRIMITIVES.iter().map(|name| Item {
            doc: primitive(name).unwrap_or("").to_string(),
            ..self.item(name, ItemKind::Type)
        });
        built_in
            .chain(self.declared_types().into_iter().map(|item| Item {
                rank: 1,
                insert: item.label.clone(),
                is_snippet: false,
                ..item
            }))
            .collect()
    }

    /// Declared types as constructors.
    fn declared_types(&self) -> Vec<Item> {
        let types = self.analysis.table().types.keys();
        types
            .map(|name| Item {
                doc: self.doc(&Symbol::Type(name.clone())),
                insert: format!("{name}{{$0}}"),
                is_snippet: true,
                ..self.item(name, ItemKind::Type)
            })
            .collect()
    }

    fn doc(&self, symbol: &Symbol) -> String {
        self.analysis.show(symbol).map(|it| it.markdown()).unwrap_or_default()
    }

    /// What can be called, with its arguments; in a worker, only its name.
    fn callees(&self, kind: Kind, place: Place) -> Vec<Item> {
        if place == Place::Top {
            return Vec::new();
        }
        let names = self.analysis.table().visible(kind, self.file.source);
        let items = names.map(|(name, _)| {
            let path = Path { qualifier: None, name: name.into() };
            self.callee(&self.analysis.table().global(kind, &path, self.file.source), kind, place)
        });
        items.chain(self.imports()).collect()
    }

    fn callee(&self, symbol: &Symbol, kind: Kind, place: Place) -> Item {
        let item_kind = match kind {
            Kind::Workflow => ItemKind::Workflow,
            Kind::Activity => ItemKind::Activity,
            Kind::Worker => ItemKind::Worker,
            Kind::Service => ItemKind::Service,
        };
        let item = Item { doc: self.doc(symbol), rank: 1, ..self.item(symbol.text(), item_kind) };
        let takes_arguments = matches!(kind, Kind::Workflow | Kind::Activity)
            && !matches!(place, Place::Worker | Place::Service)
            && !self.has_arguments();
        match self.analysis.signature(symbol) {
            Some(signature) if takes_arguments => self.with_arguments(item, &signature, place),
            Some(signature) => Item { detail: shape(&signature), ..item },
            None => item,
        }
    }

    fn with_arguments(&self, item: Item, signature: &Signature<'_>, place: Place) -> Item {
        let holes = signature.params.iter().zip(1..);
        let holes: Vec<String> = holes.map(|(param, at)| format!("${{{at}:{}}}", param.name.name)).collect();
        let is_plain = self.line.len() == 1 && !matches!(place, Place::Race);
        let bind = if is_plain && !signature.result.is_empty() { " -> ${0:result}" } else { "$0" };
        let insert = format!("{}({}){bind}", item.label, holes.join(", "));
        Item { detail: shape(signature), insert, is_snippet: true, ..item }
    }

    fn globals(&self, kind: Kind) -> Vec<Item> {
        let names = self.analysis.table().visible(kind, self.file.source);
        let path = |name: &str| Path { qualifier: None, name: name.into() };
        names
            .map(|(name, _)| self.analysis.table().global(kind, &path(name), self.file.source))
            .map(|symbol| self.callee(&symbol, kind, Place::Worker))
            .collect()
    }

    fn endpoints(&self) -> Vec<Item> {
        let endpoints = self.analysis.table().endpoints.keys();
        let items = endpoints.map(|name| Item {
            doc: self.doc(&Symbol::Endpoint(name.clone())),
            ..self.item(name, ItemKind::Endpoint)
        });
        let known = self.analysis.endpoints.names().map(|name| self.item(name, ItemKind::Endpoint));
        items.chain(known).collect()
    }

    fn import(&self, alias: &str) -> Option<&Imported> {
        self.analysis.table().home(self.file.source)?.imports.iter().find(|it| it.alias == alias)
    }

    /// The packages that the file imports.
    fn imports(&self) -> Vec<Item> {
        let home = self.analysis.table().home(self.file.source);
        let imports = home.into_iter().flat_map(|home| &home.imports);
        imports
            .map(|it| Item {
                detail: it.path.clone(),
                insert: format!("{}.", it.alias),
                ..self.item(&it.alias, ItemKind::Package)
            })
            .collect()
    }

    fn of_import(&self, kind: Kind, alias: &str) -> Vec<Item> {
        let Some(import) = self.import(alias) else { return Vec::new() };
        let table = self.analysis.table();
        let names =
            import.packages.iter().flat_map(|at| table.of_package(kind, *at).map(move |it| (it.0, *at)));
        let in_worker = place(&self.around);
        names.map(|(name, at)| self.callee(&Symbol::Global(kind, at, name.into()), kind, in_worker)).collect()
    }

    fn operations(&self, service: &str, alias: Option<&str>) -> Vec<Item> {
        let path = Path { qualifier: alias.map(Into::into), name: service.into() };
        let symbol = self.analysis.table().global(Kind::Service, &path, self.file.source);
        let Some((_, Definition::Service(it), _)) = self.analysis.top(&symbol) else { return Vec::new() };
        let operation = |name: &str| {
            let symbol = Symbol::Operation(Box::new(symbol.clone()), name.into());
            let item = Item { doc: self.doc(&symbol), ..self.item(name, ItemKind::Operation) };
            match self.analysis.signature(&symbol) {
                Some(signature) if !self.has_arguments() => {
                    self.with_arguments(item, &signature, Place::Race)
                }
                _ => item,
            }
        };
        it.operations.iter().map(|it| operation(&it.name().name)).collect()
    }

    /// The messages of this workflow.
    fn messages(&self, kind: HandlerKind) -> Vec<Item> {
        let Some((_, Definition::Workflow(workflow))) = self.definition else { return Vec::new() };
        let handlers = workflow.handlers.iter().filter(|it| it.kind == kind);
        handlers
            .map(|it| Item {
                detail: self.file.slice(it.span).trim_end_matches(':').to_string(),
                doc: it.doc.clone(),
                ..self.item(&it.name.name, ItemKind::Message)
            })
            .collect()
    }

    /// The signals of the run that a promise stands for.
    fn signals_of(&self, handle: &str) -> Vec<Item> {
        let Some((_, Definition::Workflow(workflow))) = self.definition else { return Vec::new() };
        let mut found = None;
        let blocks = workflow.handlers.iter().map(|it| &it.body).chain(std::iter::once(&workflow.body));
        for block in blocks {
            crate::twf::check::walk::each(block, &mut |stmt| {
                if let crate::twf::ast::StmtKind::Promise(name, Target::Call(call)) = &stmt.kind
                    && name.name == handle
                    && let Callee::Workflow(name) = &call.callee
                {
                    found = Some(name);
                }
            });
        }
        let Some(name) = found else { return Vec::new() };
        let path =
            Path { qualifier: name.package.as_ref().map(|it| it.name.clone()), name: name.name.name.clone() };
        self.signals(&path)
    }

    fn signals_of_workflow(&self, workflow: &str) -> Vec<Item> {
        self.signals(&Path { qualifier: None, name: workflow.into() })
    }

    fn signals(&self, path: &Path) -> Vec<Item> {
        let symbol = self.analysis.table().global(Kind::Workflow, path, self.file.source);
        let Some((_, Definition::Workflow(it), _)) = self.analysis.top(&symbol) else { return Vec::new() };
        let signals = it.handlers.iter().filter(|it| it.kind == HandlerKind::Signal);
        signals
            .map(|it| {
                let message = Symbol::Message(Box::new(symbol.clone()), it.kind, it.name.name.clone());
                let item = Item { doc: self.doc(&message), ..self.item(&it.name.name, ItemKind::Message) };
                match self.analysis.signature(&message) {
                    Some(signature) if !self.has_arguments() => {
                        self.with_arguments(item, &signature, Place::Race)
                    }
                    _ => item,
                }
            })
            .collect()
    }
}

/// `(a: A) -> (B)`.
fn shape(signature: &Signature<'_>) -> String {
    let params: Vec<String> = signature
        .params
        .iter()
        .map(|param| match &param.ty {
            Some(ty) => format!("{}: {}", param.name.name, signature.file.slice(ty.span)),
            None => param.name.name.to_string(),
        })
        .collect();
    let results: Vec<&str> = signature.result.iter().map(|ty| signature.file.slice(ty.span)).collect();
    let arrow = if results.is_empty() { String::new() } else { format!(" -> ({})", results.join(", ")) };
    format!("({}){arrow}", params.join(", "))
}

fn param_type(signature: &Signature<'_>, param: &Param) -> String {
    param.ty.as_ref().map_or("any", |ty| signature.file.slice(ty.span)).to_string()
}
