//! Compiled workflows: names resolved to slots, statements flattened to instructions with jump labels.
//!
//! Code is immutable and shared; everything that changes lives in the [`Machine`](super::machine::Machine).

use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::ast::{AssignOp, BinaryOp, HandlerKind};
use super::builtin::Builtin;
use super::shape::Shape;
use crate::text::source::Span;

/// A place in the code, resolved through [`WorkflowCode::labels`].
pub type Label = u32;

/// A variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Var {
    /// Of the run: shared by body, handlers and queries.
    Global(u32),
    /// Of a handler call or fan-out branch, `up` scopes outwards.
    Local {
        /// How many scopes outwards.
        up: u32,
        /// Its slot there.
        slot: u32,
    },
}

/// An expression with its place.
#[derive(Debug, Clone)]
pub struct Expr {
    /// What it is.
    pub kind: Ex,
    /// Where it was read.
    pub span: Span,
}

/// The expressions.
#[derive(Debug, Clone)]
pub enum Ex {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// An exact number.
    Decimal(Decimal),
    /// Text.
    Str(Arc<str>),
    /// A duration in milliseconds.
    Duration(i64),
    /// A variable.
    Var(Var),
    /// A parameter of a lambda around it, counted from the outermost.
    Bound(u32),
    /// A name that nothing assigns.
    Undefined(Arc<str>),
    /// A fact about the run.
    Meta(Meta),
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `{a: 1}`, `Label{a: 1}`.
    Object(Option<Arc<str>>, Vec<(Arc<str>, Expr)>),
    /// `a.b`, and `a?.b` when the flag is set.
    Field(Box<Expr>, Arc<str>, bool),
    /// `a[i]`.
    Index(Box<Expr>, Box<Expr>),
    /// A builtin with its arguments; a lambda may be among them.
    Call(&'static Builtin, Vec<Expr>),
    /// A call of a function that does not exist.
    UnknownCall(Arc<str>),
    /// A call with too few or too many arguments.
    BadCall(&'static Builtin, usize),
    /// `x => e` with the number of its parameters.
    Lambda(u32, Box<Expr>),
    /// `-x`.
    Neg(Box<Expr>),
    /// `not x`.
    Not(Box<Expr>),
    /// Two operands.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// Condition, then, otherwise.
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// Interpolated text: the parts one after another.
    Text(Vec<Expr>),
    /// The parameter of a family of names that no variable binds: read off the namespace that the run is in, by the
    /// patterns of the program's namespaces.
    Family(Arc<str>, Arc<[Arc<str>]>),
    /// Could not be read when the file was parsed.
    Broken,
}

/// Facts about the run: `workflow.id` and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meta {
    /// `workflow.id`.
    Id,
    /// `workflow.run_id`.
    RunId,
    /// `workflow.type`.
    Type,
    /// `workflow.namespace`.
    Namespace,
    /// `workflow.task_queue`.
    TaskQueue,
    /// `workflow.attempt`.
    Attempt,
    /// `workflow.start_time`.
    StartTime,
    /// `workflow.history_length`.
    HistoryLength,
    /// `workflow.history_size`.
    HistorySize,
    /// `workflow.parent_id`.
    ParentId,
    /// `workflow.last_result`.
    LastResult,
    /// `workflow.last_failure`.
    LastFailure,
    /// `workflow.continue_as_new_suggested`.
    ContinueAsNewSuggested,
    /// `caller` in a Nexus operation.
    Caller,
}

/// A place that can be assigned.
#[derive(Debug, Clone)]
pub struct Place {
    /// The variable.
    pub root: Var,
    /// Its name, for messages.
    pub name: Arc<str>,
    /// Steps into it.
    pub path: Vec<Step>,
    /// Where.
    pub span: Span,
}

/// A step into an object or list.
#[derive(Debug, Clone)]
pub enum Step {
    /// `.name`.
    Field(Arc<str>),
    /// `[expr]`.
    Index(Expr),
}

/// Where a result goes.
#[derive(Debug, Clone)]
pub enum Bind {
    /// `-> a.b`.
    Place(Place),
    /// `-> (a, b)`.
    Tuple(Vec<Var>),
}

/// What happens with a result.
#[derive(Debug, Clone, Default)]
pub struct After {
    /// Where it goes.
    pub bind: Option<Bind>,
    /// `on_failure: capture`: a failure becomes a result.
    pub capture: bool,
}

/// Arguments in the order of the declared parameters.
#[derive(Debug, Clone)]
pub struct Args {
    /// One for each declared parameter, or as written when the callee is not known; none where nothing was given.
    pub values: Vec<Option<Expr>>,
    /// The names of the parameters when the callee is known.
    pub names: Option<Vec<Arc<str>>>,
    /// What stands in for arguments not given, in the same order; shorter when nothing does.
    pub defaults: Vec<Option<Json>>,
}

/// An option of a call: canonical key and value.
#[derive(Debug, Clone)]
pub struct OptionCode {
    /// Canonical key, aliases resolved.
    pub key: Arc<str>,
    /// Its value.
    pub value: OptionExpr,
    /// The key's place.
    pub span: Span,
}

/// The value of an option.
#[derive(Debug, Clone)]
pub enum OptionExpr {
    /// A value.
    Value(Expr),
    /// A nested block.
    Block(Vec<OptionCode>),
}

/// What an operation of another namespace is called by.
#[derive(Debug, Clone)]
pub enum NexusCode {
    /// Endpoint (perhaps with holes to fill), service, operation.
    Operation(Expr, Arc<str>, Arc<str>),
    /// The seed's form: namespace and workflow.
    Workflow(Arc<str>, Arc<str>),
}

/// How something that takes time begins.
#[derive(Debug, Clone)]
pub enum Start {
    /// `timer(d)`.
    Timer(Expr),
    /// `activity A(..)`.
    Activity(Arc<str>, Args, Vec<OptionCode>, Shape),
    /// `workflow W(..)`.
    Child(Arc<str>, Args, Vec<OptionCode>, Shape),
    /// `nexus ..`.
    Nexus(NexusCode, Args, Vec<OptionCode>, Shape),
    /// `signal S` or `update U`: the handler's number.
    Message(u32),
}

/// What a wait waits for.
#[derive(Debug, Clone)]
pub enum On {
    /// Something that is begun by waiting.
    Start(Start),
    /// Something that is begun by waiting, and waited for until it has started.
    Detached(Start),
    /// A promise.
    Promise(Expr),
    /// A condition or predicate.
    Predicate(Expr),
    /// No handler runs.
    HandlersFinished,
}

/// One branch of `await all`.
#[derive(Debug, Clone)]
pub struct Branch {
    /// Its first instruction.
    pub entry: Label,
    /// The elements it is run for; once when none.
    pub each: Option<Each>,
}

/// A fan-out.
#[derive(Debug, Clone)]
pub struct Each {
    /// What it goes over.
    pub items: Expr,
    /// The slot of the element, or of the key.
    pub first: u32,
    /// The slot of the value in `for (k, v in ..)`.
    pub second: Option<u32>,
    /// How many variables each branch has of its own.
    pub slots: u32,
}

/// `await all:`.
#[derive(Debug, Clone)]
pub struct All {
    /// The branches in source order.
    pub branches: Vec<Branch>,
    /// `-> results`.
    pub bind: Option<Bind>,
    /// Where the owner of the branches goes on when one of them leaves the handler or run, and blocks around the owner
    /// have to run first.
    pub landing: Option<Label>,
}

/// What a case of a race waits for.
#[derive(Debug, Clone)]
pub enum CaseOn {
    /// A target.
    On(On),
    /// Branches.
    All(All),
}

/// A case of `await one:`.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it waits for.
    pub on: CaseOn,
    /// What happens with its result.
    pub after: After,
    /// What runs when it wins.
    pub body: Label,
    /// Its header line.
    pub span: Span,
}

/// `await one:`.
#[derive(Debug, Clone)]
pub struct Race {
    /// The cases in source order.
    pub cases: Vec<Case>,
    /// `fail e:`.
    pub fail: Option<(Option<Var>, Label)>,
    /// Whether losers get a cancellation request.
    pub cancels_losers: bool,
}

/// What `raise` and `close fail` make a failure of.
#[derive(Debug, Clone)]
pub enum ErrorCode {
    /// `T("message", ..)`.
    Named(Arc<str>, Vec<Expr>),
    /// Any value.
    Value(Expr),
}

/// How a run ends.
#[derive(Debug, Clone)]
pub enum CloseCode {
    /// `close complete`.
    Complete(Option<Expr>),
    /// `close fail`.
    Fail(ErrorCode),
    /// `close continue_as_new`.
    ContinueAsNew(Args),
}

/// To whom a signal or cancellation goes.
#[derive(Debug, Clone)]
pub enum To {
    /// The child behind a promise.
    Handle(Expr),
    /// A workflow by type and id.
    External(Arc<str>, Expr),
}

/// One instruction.
#[derive(Debug, Clone)]
pub enum Instr {
    /// Assigns.
    Assign(Place, AssignOp, Expr),
    /// Evaluates for its effect.
    Eval(Expr),
    /// Sets or unsets a condition.
    Set(Var, bool),
    /// Goes on elsewhere.
    Jump(Label),
    /// Goes elsewhere when the condition does not hold.
    Unless(Expr, Label),
    /// Goes to the first case with an equal value, else to the last label.
    Switch(Expr, Vec<(Vec<Expr>, Label)>, Label),
    /// Pushes an iteration.
    Loop(Expr),
    /// Takes the next element, or drops the iteration and leaves.
    Next(Var, Option<Var>, Label),
    /// Pushes an iteration over a list of promises.
    LoopPromises(Expr),
    /// Waits for the first of the promises that are left, or drops the iteration and leaves.
    NextDone(Var, Label),
    /// Drops the control entries between this height and the one on top.
    Keep(u32),
    /// Drops control entries down to this height.
    Unwind(u32),
    /// Guards what follows.
    Try(Label),
    /// Takes the failure on top when its type fits, else goes to the label with the failure still there.
    Catch(Option<Arc<str>>, Option<Var>, Label),
    /// Raises the failure on top again.
    Rethrow,
    /// Raises.
    Raise(ErrorCode),
    /// Starts and waits.
    Call(Start, After),
    /// Starts and waits for the start only.
    Detach(Start),
    /// Starts, does not wait.
    Promise(Place, Start),
    /// Waits.
    Await(On, After),
    /// `await one:`.
    Race(Race),
    /// `await all:`.
    All(All),
    /// `await all promises -> results`.
    AwaitEach(Expr, Option<Bind>),
    /// Waits until the child behind a promise has started.
    AwaitStarted(Expr),
    /// Sends a signal and waits until it is delivered.
    Send(To, Arc<str>, Args),
    /// Asks for cancellation.
    Cancel(To),
    /// Evaluates how the run ends and keeps it on the control stack, so that `finally` runs before.
    PrepareClose(CloseCode),
    /// Evaluates what a handler answers and keeps it on the control stack.
    PrepareReturn(Option<Expr>),
    /// Ends the run or handler as prepared.
    Leave,
    /// Ends a branch; its owner drops the others and leaves as prepared.
    HandOver,
    /// A validator refuses the update.
    Reject(Expr),
    /// The coroutine is done.
    End,
    /// A line that cannot be executed: code and message of the fault.
    Broken(&'static str, String),
}

/// A parameter.
#[derive(Debug, Clone)]
pub struct ParamCode {
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub shape: Shape,
    /// Its default.
    pub default: Option<Expr>,
    /// Its slot.
    pub slot: u32,
}

/// A message handler.
#[derive(Debug, Clone)]
pub struct HandlerCode {
    /// Which message.
    pub kind: HandlerKind,
    /// Its name.
    pub name: Arc<str>,
    /// Its documentation.
    pub doc: String,
    /// Its parameters.
    pub params: Vec<ParamCode>,
    /// What it answers.
    pub result: Shape,
    /// Its first instruction.
    pub entry: Label,
    /// The first instruction of its validator.
    pub validator: Option<Label>,
    /// How many variables each call has of its own.
    pub slots: u32,
    /// Whether some statement awaits its arrival tokens.
    pub is_awaited: bool,
    /// The slot of the id of an update.
    pub id_slot: Option<u32>,
    /// Whether a line is logged when the run ends before it has: `unfinished_policy`.
    pub warns_unfinished: bool,
    /// Header line.
    pub span: Span,
}

/// One compiled workflow or synchronous Nexus operation.
#[derive(Debug, Clone)]
pub struct WorkflowCode {
    /// Its public name.
    pub name: Arc<str>,
    /// All instructions: body, branches, handlers.
    pub instrs: Vec<Instr>,
    /// The statement each instruction came from.
    pub spans: Vec<Span>,
    /// Where labels stand.
    pub labels: Vec<u32>,
    /// Names of the variables of the run, by slot.
    pub globals: Vec<Arc<str>>,
    /// Slots of the conditions.
    pub conditions: Vec<u32>,
    /// Parameters.
    pub params: Vec<ParamCode>,
    /// Message handlers.
    pub handlers: Vec<HandlerCode>,
    /// The first instruction of `on_cancel:`.
    pub on_cancel: Option<Label>,
    /// Where the pseudo-variable `signal` is kept, when it is read.
    pub message_slot: Option<u32>,
    /// Whether it may continue as new, so that later runs of the chain issue the same command numbers again.
    pub renews: bool,
    /// Header line.
    pub span: Span,
}

impl WorkflowCode {
    /// The handler of a message.
    pub fn handler(&self, kind: HandlerKind, name: &str) -> Option<(u32, &HandlerCode)> {
        let at = self.handlers.iter().position(|handler| handler.kind == kind && &*handler.name == name)?;
        Some((u32::try_from(at).ok()?, self.handlers.get(at)?))
    }

    /// Where a label stands; past the end when there is none, which ends the coroutine.
    pub fn target(&self, label: Label) -> u32 {
        self.labels.get(label as usize).copied().unwrap_or(u32::MAX)
    }
}
