//! What the files of a program define, by name: what calls are bound to.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::twf::ast::{
    Activity, Definition, Expr, ExprKind, Param, QName, Service, ServiceOperation, Unit, Workflow,
};
use crate::twf::boundary::parse_decimal;
use crate::twf::family::is_family;
use crate::twf::moment::duration_text;
use crate::twf::shape::{FieldShape, RecordShape, Shape, Types};

/// A definition with the name it has at run time and the package it stands in.
pub(crate) struct Entry<'a, T> {
    pub(crate) public: Arc<str>,
    pub(crate) home: usize,
    pub(crate) node: &'a T,
}

/// What a file says about names and settings.
#[derive(Debug, Default)]
pub(crate) struct Home {
    package: Option<String>,
    imports: Vec<(String, String)>,
    /// Whether race losers get a cancellation request.
    pub(crate) cancels_losers: bool,
}

/// All definitions of a program.
pub(crate) struct Catalog<'a> {
    pub(crate) types: Types,
    pub(crate) homes: Vec<Home>,
    pub(crate) activities: Vec<Entry<'a, Activity>>,
    pub(crate) workflows: Vec<Entry<'a, Workflow>>,
    pub(crate) services: Vec<Entry<'a, Service>>,
    by_name: Index,
    /// The names of namespaces that have holes.
    pub(crate) families: Arc<[Arc<str>]>,
    /// A name that no variable has is read as null instead of being a fault.
    pub(crate) lenient: bool,
}

/// Where definitions of a name stand in the lists.
#[derive(Default)]
struct Index {
    activities: Places,
    workflows: Places,
    services: Places,
}

type Places = std::collections::HashMap<String, Vec<usize>>;

impl<'a> Catalog<'a> {
    /// Collects the definitions of all files.
    pub(crate) fn new(
        units: impl Iterator<Item = &'a Unit>,
        cancels_losers: bool,
        lenient: bool,
    ) -> Catalog<'a> {
        let mut catalog = Catalog {
            types: Types::default(),
            homes: Vec::new(),
            activities: Vec::new(),
            workflows: Vec::new(),
            services: Vec::new(),
            by_name: Index::default(),
            families: Arc::new([]),
            lenient,
        };
        let units: Vec<&Unit> = units.collect();
        catalog.families = units.iter().flat_map(|unit| &unit.definitions).filter_map(family).collect();
        catalog.declare_types(&units);
        for (home, unit) in units.iter().enumerate() {
            catalog.homes.push(Home::of(unit, cancels_losers));
            for definition in &unit.definitions {
                catalog.add(definition, home);
            }
        }
        catalog
    }

    /// Names first, so that fields may refer to types further down.
    fn declare_types(&mut self, units: &[&'a Unit]) {
        let defined: Vec<_> = units
            .iter()
            .flat_map(|unit| &unit.definitions)
            .filter_map(|definition| match definition {
                Definition::Type(def) => Some(def),
                _ => None,
            })
            .collect();
        for def in &defined {
            self.types.declare(&def.name.name, RecordShape { doc: String::new(), fields: Vec::new() });
        }
        for def in &defined {
            let fields = def.fields.iter().map(|field| FieldShape {
                name: field.name.name.as_str().into(),
                doc: field.doc.clone(),
                shape: self.types.shape(&field.ty),
                default: field.default.as_ref().map(constant),
            });
            let record = RecordShape { doc: def.doc.clone(), fields: fields.collect() };
            self.types.declare(&def.name.name, record);
        }
    }

    fn add(&mut self, definition: &'a Definition, home: usize) {
        let package = self.homes.get(home).and_then(|home| home.package.clone());
        let public = |places: &Places, name: &str| -> Arc<str> {
            match (&package, places.contains_key(name)) {
                (Some(package), true) => format!("{package}.{name}").into(),
                _ => name.into(),
            }
        };
        match definition {
            Definition::Activity(node) => {
                let name = &node.name.name;
                let entry = Entry { public: public(&self.by_name.activities, name), home, node };
                self.by_name.activities.entry(name.to_string()).or_default().push(self.activities.len());
                self.activities.push(entry);
            }
            Definition::Workflow(node) => {
                let name = &node.name.name;
                let entry = Entry { public: public(&self.by_name.workflows, name), home, node };
                self.by_name.workflows.entry(name.to_string()).or_default().push(self.workflows.len());
                self.workflows.push(entry);
            }
            Definition::Service(node) => {
                let name = &node.name.name;
                let entry = Entry { public: public(&self.by_name.services, name), home, node };
                self.by_name.services.entry(name.to_string()).or_default().push(self.services.len());
                self.services.push(entry);
            }
            _ => {}
        }
    }

    /// The activity a name means in a file.
    pub(crate) fn activity(&self, name: &QName, home: &Home) -> Option<&Entry<'a, Activity>> {
        self.pick(&self.by_name.activities, &self.activities, name, home)
    }

    /// The workflow a name means in a file.
    pub(crate) fn workflow(&self, name: &QName, home: &Home) -> Option<&Entry<'a, Workflow>> {
        self.pick(&self.by_name.workflows, &self.workflows, name, home)
    }

    /// The service a name means in a file.
    pub(crate) fn service(&self, name: &QName, home: &Home) -> Option<&Entry<'a, Service>> {
        self.pick(&self.by_name.services, &self.services, name, home)
    }

    fn pick<'s, T>(
        &'s self,
        places: &Places,
        entries: &'s [Entry<'a, T>],
        name: &QName,
        home: &Home,
    ) -> Option<&'s Entry<'a, T>> {
        let found = places.get(name.name.name.as_str())?;
        let wanted = match &name.package {
            Some(package) => Some(home.leaf(&package.name).to_string()),
            None => home.package.clone(),
        };
        let package = |entry: &Entry<'a, T>| self.homes.get(entry.home).and_then(|home| home.package.clone());
        let candidates = || found.iter().filter_map(|at| entries.get(*at));
        candidates().find(|entry| package(entry) == wanted).or_else(|| {
            // A qualified name never means a definition of another package.
            candidates().next().filter(|_| name.package.is_none())
        })
    }

    /// The operation of a service.
    pub(crate) fn operation(service: &'a Service, name: &str) -> Option<&'a ServiceOperation> {
        service.operations.iter().find(|operation| operation.name().name == name)
    }
}

/// The name of a namespace that stands for many.
fn family(definition: &Definition) -> Option<Arc<str>> {
    match definition {
        Definition::Namespace(node) if is_family(&node.name.name) => Some(node.name.name.as_str().into()),
        _ => None,
    }
}

impl Home {
    fn of(unit: &Unit, cancels_losers: bool) -> Home {
        let pragma = unit.pragmas.iter().rev().find(|(key, _)| key == "race_losers");
        Home {
            package: unit.package.as_ref().map(|name| leaf(&name.name, '.').to_string()),
            imports: unit
                .imports
                .iter()
                .map(|import| {
                    let leaf = import_leaf(&import.path);
                    let alias = import.alias.as_ref().map_or(leaf, |alias| &alias.name);
                    (alias.to_string(), leaf.to_string())
                })
                .collect(),
            cancels_losers: pragma.map_or(cancels_losers, |(_, value)| value == "cancel"),
        }
    }

    /// The package that a qualifier means.
    fn leaf<'s>(&'s self, qualifier: &'s str) -> &'s str {
        self.imports.iter().find(|(alias, _)| alias == qualifier).map_or(qualifier, |(_, leaf)| leaf)
    }
}

fn leaf(path: &str, separator: char) -> &str {
    path.rsplit(separator).next().unwrap_or(path)
}

/// The last segment of a path, without a trailing `/vN`.
fn import_leaf(path: &str) -> &str {
    let last = leaf(path, '/');
    let is_version =
        last.strip_prefix('v').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    match path.rsplit_once('/') {
        Some((before, _)) if is_version => leaf(before, '/'),
        _ => last,
    }
}

/// The parameters of a definition, as schemas and calls see them.
pub(crate) fn param_fields(types: &Types, params: &[Param]) -> Vec<FieldShape> {
    let field = |param: &Param| FieldShape {
        name: param.name.name.as_str().into(),
        doc: String::new(),
        shape: param.ty.as_ref().map_or(Shape::ANY, |ty| types.shape(ty)),
        default: param.default.as_ref().map(constant),
    };
    params.iter().map(field).collect()
}

/// The value of an expression without names; null for what is not constant.
pub(crate) fn constant(expr: &Expr) -> Json {
    match &expr.kind {
        ExprKind::Bool(value) => Json::Bool(*value),
        ExprKind::Int(value) => Json::from(*value),
        ExprKind::Decimal(text) => {
            parse_decimal(text).map_or(Json::Null, |decimal| Json::String(decimal.to_string()))
        }
        ExprKind::Str(text) => Json::String(text.to_string()),
        ExprKind::Duration(ms) => Json::String(duration_text(*ms)),
        ExprKind::List(items) => Json::Array(items.iter().map(constant).collect()),
        ExprKind::Object(_, fields) => Json::Object(
            fields.iter().map(|(name, value)| (name.name.to_string(), constant(value))).collect(),
        ),
        ExprKind::Neg(inner) => match constant(inner) {
            Json::Number(number) => number.as_i64().and_then(i64::checked_neg).map_or(Json::Null, Json::from),
            Json::String(text) => Json::String(format!("-{text}")),
            _ => Json::Null,
        },
        _ => Json::Null,
    }
}
