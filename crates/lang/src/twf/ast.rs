//! The abstract syntax of TWF: one tree for every dialect.
//!
//! Legacy spellings are normalised to the newest form while parsing, so nothing after the parser knows dialects.
//! Every node carries the span it was read from. The grammar is that of the language page, section 3.

use crate::text::source::Span;

/// A short text, kept without an allocation where it fits into the node: names are most of a tree.
pub type Name = smol_str::SmolStr;

/// A name with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Ident {
    /// The name as written.
    pub name: Name,
    /// Where.
    pub span: Span,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Unit {
    /// `package a.b`, at most one.
    pub package: Option<Ident>,
    /// Imports in order.
    pub imports: Vec<Import>,
    /// Definitions in order.
    pub definitions: Vec<Definition>,
    /// `# twf: key=value` pragmas of the file, for example `race_losers=cancel`.
    pub pragmas: Vec<(String, String)>,
    /// `@name(args)` lines before statements, each with the line it stands on: kept for people, without meaning.
    pub statement_annotations: Vec<(Annotation, Span)>,
}

/// `import alias? "path"`.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// Local name, when one is given.
    pub alias: Option<Ident>,
    /// The path as written.
    pub path: String,
    /// The whole line.
    pub span: Span,
}

/// A top-level definition.
#[derive(Debug, Clone, PartialEq)]
pub enum Definition {
    /// `workflow`.
    Workflow(Workflow),
    /// `activity`.
    Activity(Activity),
    /// `worker`.
    Worker(Worker),
    /// `namespace`.
    Namespace(NamespaceDef),
    /// `nexus service`, also the seed's `nexus_service`.
    Service(Service),
    /// The seed's `nexus_endpoint` outside a namespace block.
    Endpoint(EndpointDef),
    /// `type`.
    Type(TypeDef),
}

impl Definition {
    /// What it is called.
    pub fn name(&self) -> &Ident {
        match self {
            Definition::Workflow(it) => &it.name,
            Definition::Activity(it) => &it.name,
            Definition::Worker(it) => &it.name,
            Definition::Namespace(it) => &it.name,
            Definition::Service(it) => &it.name,
            Definition::Endpoint(it) => &it.name,
            Definition::Type(it) => &it.name,
        }
    }
}

/// `@name(args)` before a definition; kept, without meaning to the language.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// Its name.
    pub name: Ident,
    /// Its arguments.
    pub args: Vec<Arg>,
}

/// A durable program.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    /// Annotations before it.
    pub annotations: Vec<Annotation>,
    /// Comment lines directly above it, joined: its documentation.
    pub doc: String,
    /// Its name.
    pub name: Ident,
    /// Parameters.
    pub params: Vec<Param>,
    /// Result types; empty when none is declared.
    pub result: Vec<Type>,
    /// `default_options`.
    pub defaults: Vec<OptionEntry>,
    /// `state:` block.
    pub state: Vec<StateItem>,
    /// Message handlers.
    pub handlers: Vec<Handler>,
    /// `on_cancel:` block.
    pub on_cancel: Option<Block>,
    /// The body.
    pub body: Block,
    /// Header line.
    pub span: Span,
}

/// A declared activity. Its body is documentation unless every function it calls is bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// Annotations before it.
    pub annotations: Vec<Annotation>,
    /// Comment lines directly above it.
    pub doc: String,
    /// Its name.
    pub name: Ident,
    /// Parameters.
    pub params: Vec<Param>,
    /// Result types.
    pub result: Vec<Type>,
    /// `default_options`.
    pub defaults: Vec<OptionEntry>,
    /// The body.
    pub body: Block,
    /// Header line.
    pub span: Span,
}

/// A parameter of a workflow, activity, handler or operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Its name.
    pub name: Ident,
    /// Its type; `any` when absent.
    pub ty: Option<Type>,
    /// Its default.
    pub default: Option<Expr>,
}

/// A type with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Type {
    /// What it is.
    pub kind: TypeKind,
    /// Where.
    pub span: Span,
}

/// The shapes of types.
#[derive(Debug, Clone, PartialEq)]
pub enum TypeKind {
    /// `any`, a primitive, or a label; labels without a `type` block mean `any`.
    Name(Name),
    /// `[]T` or `T[]`.
    List(Box<Type>),
    /// `Name[K, V]`, for example `Map[string, int]`.
    Generic(Name, Vec<Type>),
    /// `{name: T}`.
    Record(Vec<(Ident, Type)>),
    /// `T?`: null is a value too.
    Nullable(Box<Type>),
}

/// `type Name:` with its fields.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeDef {
    /// Comment lines directly above it.
    pub doc: String,
    /// Its name.
    pub name: Ident,
    /// Fields in order.
    pub fields: Vec<TypeField>,
    /// Header line.
    pub span: Span,
}

/// A field of a `type` block.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeField {
    /// Comment lines directly above it, or trailing on its line.
    pub doc: String,
    /// Its name.
    pub name: Ident,
    /// Its type.
    pub ty: Type,
    /// Its default: a field with one may be left out.
    pub default: Option<Expr>,
}

/// An item of a `state:` block.
#[derive(Debug, Clone, PartialEq)]
pub enum StateItem {
    /// `condition name`: a boolean that statements wait for.
    Condition(Ident),
    /// An initial value.
    Init(Ident, Expr),
}

/// Which message a handler takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandlerKind {
    /// `signal`: no answer.
    Signal,
    /// `query`: reads only.
    Query,
    /// `update`: answers when done.
    Update,
}

/// A message handler.
#[derive(Debug, Clone, PartialEq)]
pub struct Handler {
    /// Which message.
    pub kind: HandlerKind,
    /// Comment lines directly above it.
    pub doc: String,
    /// Its name.
    pub name: Ident,
    /// Parameters.
    pub params: Vec<Param>,
    /// Result types of a query or update.
    pub result: Vec<Type>,
    /// `options:`.
    pub options: Vec<OptionEntry>,
    /// `validator:` of an update.
    pub validator: Option<Block>,
    /// The body.
    pub body: Block,
    /// Header line.
    pub span: Span,
}

/// One `key: value` or `key:` with nested entries.
#[derive(Debug, Clone, PartialEq)]
pub struct OptionEntry {
    /// Key as written, legacy aliases not yet resolved.
    pub key: Ident,
    /// Its value.
    pub value: OptionValue,
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq)]
pub enum OptionValue {
    /// A value.
    Expr(Expr),
    /// A nested block such as `retry_policy:`.
    Block(Vec<OptionEntry>),
}

/// `worker`: a set of types that run together.
#[derive(Debug, Clone, PartialEq)]
pub struct Worker {
    /// Its name.
    pub name: Ident,
    /// Workflows it registers.
    pub workflows: Vec<QName>,
    /// Activities it registers.
    pub activities: Vec<QName>,
    /// Services it registers.
    pub services: Vec<QName>,
    /// Header line.
    pub span: Span,
}

/// `namespace`: where workers and endpoints are deployed.
#[derive(Debug, Clone, PartialEq)]
pub struct NamespaceDef {
    /// Its name; may hold `{param}` holes.
    pub name: Ident,
    /// Workers placed in it.
    pub workers: Vec<(Ident, Vec<OptionEntry>)>,
    /// Endpoints in it.
    pub endpoints: Vec<EndpointDef>,
    /// `search_attributes:`: what its runs can be searched by, with the word for the type of each.
    pub search_attributes: Vec<(Ident, Ident)>,
    /// Header line.
    pub span: Span,
}

/// `nexus endpoint`: a cluster-wide name for services behind a task queue.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointDef {
    /// Its name; may hold `{param}` holes.
    pub name: Ident,
    /// Its options.
    pub options: Vec<OptionEntry>,
    /// Header line.
    pub span: Span,
}

/// `nexus service`: a set of Nexus operations.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Comment lines directly above it.
    pub doc: String,
    /// Its name.
    pub name: Ident,
    /// Its operations.
    pub operations: Vec<ServiceOperation>,
    /// Header line.
    pub span: Span,
}

/// One Nexus operation.
#[derive(Debug, Clone, PartialEq)]
pub enum ServiceOperation {
    /// `async Name workflow W`.
    Async {
        /// Operation name.
        name: Ident,
        /// Backing workflow.
        workflow: QName,
    },
    /// `sync Name(params) -> T:` and the seed's `operation Name(..) -> T:`; a body that ends in
    /// [`StmtKind::ReturnWorkflow`] chooses its backing workflow at run time.
    Sync {
        /// Operation name.
        name: Ident,
        /// Parameters.
        params: Vec<Param>,
        /// Result types.
        result: Vec<Type>,
        /// The body; absent for a bare signature of the seed.
        body: Option<Block>,
        /// Header line.
        span: Span,
    },
}

impl ServiceOperation {
    /// The operation's name.
    pub fn name(&self) -> &Ident {
        match self {
            ServiceOperation::Async { name, .. } | ServiceOperation::Sync { name, .. } => name,
        }
    }
}

/// `pkg.Name` or `Name`.
#[derive(Debug, Clone, PartialEq)]
pub struct QName {
    /// Package leaf or alias.
    pub package: Option<Ident>,
    /// The symbol.
    pub name: Ident,
}

/// Statements in order.
pub type Block = Vec<Stmt>;

/// A statement with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Stmt {
    /// What it does.
    pub kind: StmtKind,
    /// Its first line: what a timeline points at.
    pub span: Span,
}

/// The statements. What takes many bytes is boxed: most statements are small, and a file has many.
#[derive(Debug, Clone, PartialEq)]
pub enum StmtKind {
    /// A call that blocks until done: `activity`, `workflow`, `nexus`.
    Call(Box<Call>, Option<Bind>),
    /// `detach workflow` or `detach nexus`.
    Detach(Box<Call>),
    /// `promise name <- target`, also `spawn … -> name`.
    Promise(Ident, Target),
    /// `promise entry.child <- target`: the handle is kept in an object or list.
    PromiseInto(Box<LValue>, Target),
    /// `await target -> bind`.
    Await(Target, Option<Bind>),
    /// `await all:` with concurrent children.
    AwaitAll(Box<AwaitAll>),
    /// `await all promises -> results`.
    AwaitEach(Expr, Option<Bind>),
    /// `await one:`.
    AwaitOne(Vec<RaceCase>),
    /// `set name` (true) or `unset name` (false).
    SetCondition(Ident, bool),
    /// `signal handle.Name(args)`.
    Send(SendTarget, Ident, Vec<Arg>),
    /// `cancel handle` or `cancel external W(id)`.
    Cancel(SendTarget),
    /// `if`, with `elif` chains nested in the last block.
    If(Expr, Block, Block),
    /// `switch`.
    Switch(Expr, Vec<SwitchCase>, Block),
    /// `for:`, `for (cond):` and `for (x in xs):`.
    For(ForHead, Block),
    /// `try: catch: finally:`.
    Try(Box<TryStmt>),
    /// `raise expr`.
    Raise(Expr),
    /// `reject expr` in a validator.
    Reject(Expr),
    /// `close …`.
    Close(CloseKind, Vec<Arg>),
    /// `return expr`.
    Return(Option<Expr>),
    /// `return workflow W(args)` in a service operation.
    ReturnWorkflow(Box<Call>),
    /// `break`.
    Break,
    /// `continue`.
    Continue,
    /// `lvalue op expr`.
    Assign(LValue, AssignOp, Expr),
    /// A bare call such as `log(x)` or `items.append(y)`.
    Expr(Expr),
    /// `heartbeat(args)` in an activity body.
    Heartbeat(Vec<Arg>),
    /// `pass` and `...`.
    Pass,
    /// A line that could not be read; its diagnostic has been given.
    Error,
}

/// A call of an activity, workflow or Nexus operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// What is called.
    pub callee: Callee,
    /// Arguments.
    pub args: Vec<Arg>,
    /// `options:` under it, or the seed's `options(..)` line before it.
    pub options: Vec<OptionEntry>,
    /// From the keyword to the closing bracket.
    pub span: Span,
}

/// What a call calls.
#[derive(Debug, Clone, PartialEq)]
pub enum Callee {
    /// `activity A`.
    Activity(QName),
    /// `workflow W`.
    Workflow(QName),
    /// `nexus Endpoint Service.Operation`.
    Nexus {
        /// Endpoint name; may hold `{param}` holes.
        endpoint: Ident,
        /// Service.
        service: QName,
        /// Operation.
        operation: Ident,
    },
    /// The seed's `nexus "namespace" workflow W`.
    NexusWorkflow {
        /// Target namespace.
        namespace: Ident,
        /// Workflow in it.
        workflow: Ident,
    },
}

/// An argument, by position or by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Arg {
    /// Its name, when given.
    pub name: Option<Ident>,
    /// Its value.
    pub value: Expr,
}

/// Where a result goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Bind {
    /// `-> a.b`.
    Place(LValue),
    /// `-> (a, b)`.
    Tuple(Vec<Ident>),
}

/// A place that can be assigned.
#[derive(Debug, Clone, PartialEq)]
pub struct LValue {
    /// The variable.
    pub root: Ident,
    /// Steps into it.
    pub path: Vec<PathStep>,
}

/// A step into an object or list.
#[derive(Debug, Clone, PartialEq)]
pub enum PathStep {
    /// `.name`.
    Field(Ident),
    /// `[expr]`.
    Index(Expr),
}

/// What can be awaited or promised.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// `timer(duration)`.
    Timer(Expr),
    /// `signal Name`.
    Signal(Ident),
    /// `update Name`.
    Update(Ident),
    /// A call.
    Call(Box<Call>),
    /// The name of a promise or condition.
    Name(Ident),
    /// The handle at `entry.child`.
    Place(Box<LValue>),
    /// `detach workflow W(..)` as a case of a race: done when it has started.
    Detached(Box<Call>),
    /// `condition (expr)` or `(expr)`.
    Predicate(Expr),
    /// `all_handlers_finished`.
    AllHandlersFinished(Span),
}

/// `await all:` in its three shapes.
#[derive(Debug, Clone, PartialEq)]
pub struct AwaitAll {
    /// `(x in xs)`: one branch for each element, each running the whole body.
    pub each: Option<(Ident, Expr)>,
    /// `-> results`.
    pub bind: Option<Bind>,
    /// Without `each`: every statement is a branch, an iterating `for` fans out.
    pub body: Block,
}

/// A case of `await one:`.
#[derive(Debug, Clone, PartialEq)]
pub struct RaceCase {
    /// What it waits for.
    pub kind: RaceKind,
    /// What runs when it wins.
    pub body: Block,
    /// Its header line.
    pub span: Span,
}

/// What a race case waits for.
#[derive(Debug, Clone, PartialEq)]
pub enum RaceKind {
    /// A target and where its value goes.
    Target(Target, Option<Bind>),
    /// `await all:` as a case.
    All(Box<AwaitAll>),
    /// `fail e:`: takes the failure of a case that failed first.
    Fail(Option<Ident>),
}

/// Whom a signal or cancellation is for.
#[derive(Debug, Clone, PartialEq)]
pub enum SendTarget {
    /// A promise bound to a workflow call.
    Handle(Ident),
    /// `external Type(id)`.
    External(Ident, Vec<Arg>),
}

/// A case of `switch`.
#[derive(Debug, Clone, PartialEq)]
pub struct SwitchCase {
    /// Values compared for equality.
    pub values: Vec<Expr>,
    /// The body.
    pub body: Block,
}

/// The head of a `for`.
#[derive(Debug, Clone, PartialEq)]
pub enum ForHead {
    /// `for:`.
    Forever,
    /// `for (expr):`.
    While(Expr),
    /// `for (x in xs):` or `for (k, v in xs):`.
    Each(Ident, Option<Ident>, Expr),
    /// `for await (r in promises):`: once for each promise, as they are done.
    Await(Ident, Expr),
}

/// `try: catch e: finally:`.
#[derive(Debug, Clone, PartialEq)]
pub struct TryStmt {
    /// Guarded statements.
    pub body: Block,
    /// The name the failure is bound to.
    pub catch_name: Option<Ident>,
    /// Only failures of this type are caught, when given.
    pub catch_type: Option<Ident>,
    /// Runs on failure.
    pub catch: Option<Block>,
    /// Runs always.
    pub finally: Option<Block>,
}

/// How a run is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseKind {
    /// `close complete`.
    Complete,
    /// `close fail`.
    Fail,
    /// `close continue_as_new`.
    ContinueAsNew,
}

/// `=` and the compound forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssignOp {
    /// `=`.
    Set,
    /// `+=`.
    Add,
    /// `-=`.
    Sub,
    /// `*=`.
    Mul,
    /// `/=`.
    Div,
}

/// An expression with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
}

/// The expressions. They have no effects but on lists and objects of the same run.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `null`, `None`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// Digits only.
    Int(i64),
    /// A number with a fraction or exponent, as written without `_`.
    Decimal(Name),
    /// A string after escapes.
    Str(Name),
    /// A duration in milliseconds.
    Duration(i64),
    /// A name.
    Name(Name),
    /// `...`.
    Ellipsis,
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `{a: 1}` or `Label{a: 1}`.
    Object(Option<Ident>, Vec<(Ident, Expr)>),
    /// `a.b`.
    Field(Box<Expr>, Ident),
    /// `a?.b`.
    OptField(Box<Expr>, Ident),
    /// `a[i]`.
    Index(Box<Expr>, Box<Expr>),
    /// `f(args)`; the callee is a name or a field access.
    Call(Box<Expr>, Vec<Arg>),
    /// `-x`.
    Neg(Box<Expr>),
    /// `not x`.
    Not(Box<Expr>),
    /// Two operands.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `a if c else b`, in the order condition, then, otherwise.
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `x => e`.
    Lambda(Vec<Ident>, Box<Expr>),
    /// An expression that could not be read; its diagnostic has been given.
    Error,
}

/// Operators between two operands, by growing precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    /// `??`.
    Coalesce,
    /// `or`.
    Or,
    /// `and`.
    And,
    /// `==`.
    Eq,
    /// `!=`.
    Ne,
    /// `<`.
    Lt,
    /// `<=`.
    Le,
    /// `>`.
    Gt,
    /// `>=`.
    Ge,
    /// `in`.
    In,
    /// `not in`.
    NotIn,
    /// `..`.
    Range,
    /// `+`.
    Add,
    /// `-`.
    Sub,
    /// `*`.
    Mul,
    /// `/`.
    Div,
    /// `//`.
    IntDiv,
    /// `%`.
    Rem,
}

impl BinaryOp {
    /// The operator as written in its newest spelling.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Coalesce => "??",
            BinaryOp::Or => "or",
            BinaryOp::And => "and",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
            BinaryOp::In => "in",
            BinaryOp::NotIn => "not in",
            BinaryOp::Range => "..",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::IntDiv => "//",
            BinaryOp::Rem => "%",
        }
    }
}
