//! Deployment: workers, namespaces, endpoints.

use super::{NamespaceBlock, Parse, Parser, Placement};
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::twf::ast::{
    Definition, EndpointDef, Expr, ExprKind, Ident, NamespaceDef, OptionEntry, OptionValue, Unit, Worker,
};
use crate::twf::token::TokenKind;

/// What a search attribute can be.
const SEARCH_ATTRIBUTE_TYPES: &[&str] =
    &["keyword", "text", "int", "double", "bool", "datetime", "keyword_list"];

/// Where a worker of an older dialect says it is deployed.
#[derive(Default)]
struct Deployment {
    namespace: Option<Ident>,
    options: Vec<OptionEntry>,
    /// The lines that say so.
    lines: Vec<Span>,
}

impl Parser<'_> {
    /// `'worker' NAME block( ( ( 'workflow' | 'activity' | 'nexus' 'service' ) qname NL )* )`.
    ///
    /// Older workers name their namespace and task queue inside; that becomes a `namespace` definition.
    pub(super) fn worker(&mut self, unit: &mut Unit) -> Parse<()> {
        let start = self.at;
        self.bump();
        let name = self.new_name("the name of a worker")?;
        self.colon_line("the name of the worker");
        let span = self.header_span(start);
        let mut worker =
            Worker { name, workflows: Vec::new(), activities: Vec::new(), services: Vec::new(), span };
        let mut deployment = Deployment::default();
        self.item_lines("the name of the worker", &mut |p| p.worker_line(&mut worker, &mut deployment));
        if let Some(first) = deployment.lines.first().copied() {
            self.old_deployment(first, &worker, &deployment);
        }
        if let Some(namespace) = deployment.namespace {
            deploy(unit, namespace, (worker.name.clone(), deployment.options), worker.span);
        }
        unit.definitions.push(Definition::Worker(worker));
        Ok(())
    }

    fn worker_line(&mut self, worker: &mut Worker, deployment: &mut Deployment) -> Parse<()> {
        match self.word() {
            "workflow" => {
                self.bump();
                worker.workflows.push(self.qname("the name of a workflow")?);
            }
            "activity" => {
                self.bump();
                worker.activities.push(self.qname("the name of an activity")?);
            }
            "nexus" => {
                self.bump();
                self.expect_word("service", "`nexus`")?;
                worker.services.push(self.qname("the name of a service")?);
            }
            "namespace" | "task_queue" => return self.old_worker_line(deployment),
            _ => {
                let help = self.suggest(&["workflow", "activity", "nexus"]);
                let message =
                    format!("expected `workflow`, `activity` or `nexus service`, found {}", self.found());
                return Err(self.syntax_help(self.next_span(), message, help));
            }
        }
        self.end_of_line()
    }

    fn old_worker_line(&mut self, deployment: &mut Deployment) -> Parse<()> {
        let start = self.at;
        let is_namespace = self.at_word("namespace");
        let key = self.any_name("a key")?;
        self.eat(TokenKind::Colon);
        let value = self.name_or_string()?;
        deployment.lines.push(self.span_since(start));
        self.end_of_line()?;
        if is_namespace {
            deployment.namespace = Some(value);
        } else {
            let value = Expr { kind: ExprKind::Str(value.name), span: value.span };
            deployment.options.push(OptionEntry { key, value: OptionValue::Expr(value) });
        }
        Ok(())
    }

    /// Moves the deployment of a worker to its namespace. One that names none, or registers nothing, stays: nothing
    /// new says the same.
    fn old_deployment(&mut self, first: Span, worker: &Worker, deployment: &Deployment) {
        let diagnostic = Diagnostic::info("LEGACY_SYNTAX", first, "a worker that says where it is deployed")
            .help(
                "deploy it in a `namespace` block: `worker NAME` with `options:` and `task_queue:` under it",
            );
        let is_empty =
            worker.workflows.is_empty() && worker.activities.is_empty() && worker.services.is_empty();
        let Some(namespace) = deployment.namespace.as_ref().filter(|_| !is_empty) else {
            return self.report(diagnostic);
        };
        let mut lines = vec![format!("worker {}", worker.name.name)];
        if !deployment.options.is_empty() {
            let options = self.options_at("options", &deployment.options, "    ");
            lines.extend(format!("    {options}").lines().map(str::to_string));
        }
        let edits = deployment.lines.iter().map(|line| self.remove_lines(*line)).collect();
        let above = self.comment_above(worker.span.start);
        let home = self.span(above, above);
        let namespace = namespace.name.to_string();
        self.placements.push(Placement { namespace, lines, edits, home, diagnostic });
    }

    fn name_or_string(&mut self) -> Parse<Ident> {
        let token = self.token(0);
        if token.kind == TokenKind::Str {
            self.bump();
            return Ok(Ident { name: self.string_value(token).into(), span: self.span_of(token) });
        }
        self.deployment_name("a name")
    }

    /// `'namespace' DEPNAME block( ( 'worker' NAME NL under? | 'nexus' 'endpoint' DEPNAME NL under? )* )`.
    pub(super) fn namespace(&mut self) -> Parse<NamespaceDef> {
        let start = self.at;
        self.bump();
        let name = self.deployment_name("the name of a namespace")?;
        self.colon_line("the name of the namespace");
        let span = self.header_span(start);
        let mut namespace = NamespaceDef {
            name,
            workers: Vec::new(),
            endpoints: Vec::new(),
            search_attributes: Vec::new(),
            span,
        };
        let first = self.token(1);
        self.item_lines("the name of the namespace", &mut |p| p.namespace_line(&mut namespace));
        let end = self.line_end_of(self.code_since(start).end);
        let indent = self.indent_of(self.span_of(first).start).to_string();
        self.namespaces.push(NamespaceBlock { name: namespace.name.name.to_string(), end, indent });
        Ok(namespace)
    }

    fn namespace_line(&mut self, namespace: &mut NamespaceDef) -> Parse<()> {
        let start = self.at;
        if self.eat_word("worker") {
            let name = self.new_name("the name of a worker")?;
            let options = self.placement_options()?;
            namespace.workers.push((name, options));
            return Ok(());
        }
        if self.at_word("nexus") && self.nth_word(1) == "endpoint" {
            self.bump();
            self.bump();
            let name = self.deployment_name("the name of an endpoint")?;
            let span = self.span_since(start);
            let options = self.placement_options()?;
            namespace.endpoints.push(EndpointDef { name, options, span });
            return Ok(());
        }
        if self.at_word_then("search_attributes", TokenKind::Colon) {
            self.search_attributes(namespace);
            return Ok(());
        }
        let help = self.suggest(&["worker", "nexus", "search_attributes"]);
        let message = format!("expected `worker` or `nexus endpoint`, found {}", self.found());
        Err(self.syntax_help(self.next_span(), message, help))
    }

    /// `'search_attributes' block( ( NAME ':' NAME NL )+ )`.
    fn search_attributes(&mut self, namespace: &mut NamespaceDef) {
        self.extension(self.next_span(), "`search_attributes`");
        self.bump();
        self.colon_line("`search_attributes`");
        self.item_lines("`search_attributes`", &mut |p| {
            let name = p.any_name("the name of a search attribute")?;
            p.expect(TokenKind::Colon, "the name of the search attribute")?;
            let word = p.any_name("the type of a search attribute")?;
            if !SEARCH_ATTRIBUTE_TYPES.contains(&word.name.as_str()) {
                let message = format!("`{}` is no type of a search attribute", word.name);
                let help = format!("one of {}", SEARCH_ATTRIBUTE_TYPES.join(", "));
                let _reported = p.syntax_help(word.span, message, Some(help));
            }
            p.end_of_line()?;
            namespace.search_attributes.push((name, word));
            Ok(())
        });
    }

    /// `NL under?`; a colon and options without the word `options` are accepted.
    fn placement_options(&mut self) -> Parse<Vec<OptionEntry>> {
        let end = self.span_since(self.at.saturating_sub(1)).end;
        let has_colon = self.eat(TokenKind::Colon);
        self.end_of_line()?;
        if self.at(TokenKind::Indent)
            && self.nth_word(1) != "options"
            && (has_colon || self.is_option_ahead())
        {
            let start = self.at;
            let options = self.option_lines("the name");
            let lines = self.code_since(start);
            let mut edits = self.under_options(lines);
            edits.extend(has_colon.then(|| self.colon_after(end)));
            let help = "put `options:` above them and indent them under it";
            self.legacy_edits(lines, "options without `options:`", help, edits);
            return Ok(options);
        }
        Ok(self.under())
    }

    fn is_option_ahead(&self) -> bool {
        self.nth(1) == TokenKind::Name && self.nth(2) == TokenKind::Colon
    }

    /// `'nexus_endpoint' NAME block( key ':' scalar )`: the seed writes an endpoint as YAML.
    pub(super) fn legacy_endpoint(&mut self) -> Parse<EndpointDef> {
        let start = self.at;
        self.bump();
        let name = self.deployment_name("the name of an endpoint")?;
        self.colon_line("the name of the endpoint");
        let span = self.header_span(start);
        let mut options = Vec::new();
        self.item_lines("the name of the endpoint", &mut |p| {
            let entry = p.yaml_entry()?;
            options.push(entry);
            Ok(())
        });
        self.old_endpoint(self.code_since(start), &name, &options);
        Ok(EndpointDef { name, options, span })
    }

    /// Moves an endpoint to the namespace it names; one that names none stays.
    fn old_endpoint(&mut self, whole: Span, name: &Ident, options: &[OptionEntry]) {
        let help = format!(
            "write `nexus endpoint {}` inside the `namespace` that serves it, with its options under it",
            name.name
        );
        let message = "`nexus_endpoint` outside of a `namespace` is an older spelling";
        let diagnostic =
            Diagnostic::info("LEGACY_SYNTAX", Span { end: name.span.end, ..whole }, message).help(help);
        let mut namespace = None;
        let mut lines = vec![format!("nexus endpoint {}", name.name), "    options:".to_string()];
        for option in options {
            let OptionValue::Expr(value) = &option.value else { continue };
            match (&*option.key.name, &value.kind) {
                ("target_namespace", ExprKind::Str(text)) => namespace = Some(text.to_string()),
                ("target_task_queue", _) => {
                    lines.push(format!("        task_queue: {}", self.value_text(value)));
                }
                (key, _) => lines.push(format!("        {key}: {}", self.value_text(value))),
            }
        }
        let Some(namespace) = namespace else { return self.report(diagnostic) };
        if lines.len() == 2 {
            lines.truncate(1);
        }
        self.placements.push(Placement { namespace, lines, edits: Vec::new(), home: whole, diagnostic });
    }

    fn yaml_entry(&mut self) -> Parse<OptionEntry> {
        let key = self.any_name("a key")?;
        self.expect(TokenKind::Colon, "the key")?;
        if self.eat(TokenKind::Newline) {
            let value = self.yaml_list();
            return Ok(OptionEntry { key, value });
        }
        let is_list = self.at(TokenKind::OpenBracket);
        let value = if is_list { self.expr()? } else { self.scalar() };
        self.end_of_line()?;
        Ok(OptionEntry { key, value: OptionValue::Expr(value) })
    }

    /// Items with a dash each, indented or at the column of their key.
    fn yaml_list(&mut self) -> OptionValue {
        let start = self.next_span();
        let mut items = Vec::new();
        if self.at(TokenKind::Indent) {
            self.item_lines("the key", &mut |p| {
                let item = p.yaml_item()?;
                items.push(item);
                Ok(())
            });
        }
        while self.at(TokenKind::Minus) {
            match self.yaml_item() {
                Ok(item) => items.push(item),
                Err(_) => self.skip_line(),
            }
        }
        let span = items.last().map_or(start, |item: &Expr| start.to(item.span));
        OptionValue::Expr(Expr { kind: ExprKind::List(items), span })
    }

    fn yaml_item(&mut self) -> Parse<Expr> {
        self.expect(TokenKind::Minus, "the key")?;
        let item = self.scalar();
        self.end_of_line()?;
        Ok(item)
    }
}

/// Puts a worker into the namespace of that name, made when there is none.
fn deploy(
    unit: &mut Unit,
    name: Ident,
    placement: (Ident, Vec<OptionEntry>),
    span: crate::text::source::Span,
) {
    let known = unit.definitions.iter_mut().find_map(|definition| match definition {
        Definition::Namespace(namespace) if namespace.name.name == name.name => Some(namespace),
        _ => None,
    });
    match known {
        Some(namespace) => namespace.workers.push(placement),
        None => unit.definitions.push(Definition::Namespace(NamespaceDef {
            name,
            workers: vec![placement],
            endpoints: Vec::new(),
            search_attributes: Vec::new(),
            span,
        })),
    }
}
