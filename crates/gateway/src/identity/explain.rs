//! Why somebody may have something done, or may not: `auth.explain`, by the same decision that calls meet.

use nexus_kernel::Json;
use nexus_kernel::access::{Act, Action, Need, Subject, needed};
use nexus_kernel::call::{CallContext, Caller, Proof};
use nexus_kernel::catalogue::WeakCatalogue;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::verb::{Part, Verb, object};
use serde::Deserialize;
use serde_json::{Map, json};

use super::auth::Auth;
use crate::stage::authorise::{Asking, authorise, holding, mind, sight};

/// The verbs that tell of callers and their grants. Cheap to clone.
#[derive(Clone)]
pub struct Explainer {
    auth: Auth,
    catalogue: WeakCatalogue,
    is_enabled: bool,
}

impl Part for Explainer {}

impl Explainer {
    /// Tells of the callers that this authentication knows, and whether it is asked at all.
    pub fn new(auth: Auth, catalogue: WeakCatalogue, is_enabled: bool) -> Explainer {
        Explainer { auth, catalogue, is_enabled }
    }

    /// The verbs, for the catalogue.
    pub fn operations(&self) -> Vec<Operation> {
        vec![explain_verb().handled(self, explain), whoami_verb().handled(self, whoami)]
    }

    /// Whom a question is about. Errors: there is nobody of that name, or the token proves nothing.
    async fn subject(&self, question: &Question, asker: &Caller) -> Result<Caller, Error> {
        if let Some(token) = &question.token {
            return self.auth.tokens().examine(token).await;
        }
        let Some(name) = question.caller.as_deref() else { return Ok(asker.clone()) };
        match name.split_once(':') {
            Some(("key", id)) => self.auth.key(id),
            Some(("role", role)) => self.auth.role(role),
            Some(("certificate", name)) => self.auth.certificate(name),
            _ if name == "anonymous" => Ok(Caller::anonymous()),
            _ => {
                Err(Error::new(&code::INPUT_INVALID, format!("{name:?} is no caller that can be looked up"))
                    .fault("/caller", "names nobody who can be looked up")
                    .help("give key:ID, role:NAME, certificate:NAME or anonymous; or a `token`"))
            }
        }
    }

    fn operation(&self, name: &str, namespace: Option<&str>) -> Result<std::sync::Arc<Operation>, Error> {
        let catalogue = self.catalogue.upgrade().ok_or_else(|| Error::internal("the server is stopping"))?;
        let everything = nexus_kernel::access::Reach::everything();
        let qualified =
            namespace.filter(|_| !name.contains('/')).map(|namespace| format!("{namespace}/{name}"));
        catalogue
            .verb(name)
            .or_else(|_| catalogue.workflow_in(qualified.as_deref().unwrap_or(name), &everything))
    }
}

#[derive(Deserialize)]
struct Question {
    operation: String,
    caller: Option<String>,
    token: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    input: Option<Json>,
}

fn explain_verb() -> Verb {
    let text = |description: &str| json!({ "type": "string", "minLength": 1, "description": description });
    let mut token =
        text("a token of an identity provider, to see whom it proves its caller to be, or why it is refused");
    if let Some(fields) = token.as_object_mut() {
        fields.insert("x-sensitive".into(), true.into());
    }
    let properties = json!({
        "operation": text("a verb such as run.cancel, or a workflow"),
        "caller": text("whom it is about: key:ID, role:NAME, certificate:NAME or anonymous; yourself when absent"),
        "token": token,
        "namespace": text("where; the default namespace, or the only one that the caller reaches, when absent"),
        "input": { "description": "the input of the workflow, where conditions ask about it" },
        "name": text("the workflow, schedule or queue that it would be done to; all of them when absent"),
    });
    Verb {
        name: "auth.explain",
        title: "Explain what somebody may do",
        doc: "Says whether a caller may call an operation, by which grant, or what is missing. Nothing is called.",
        effect: Effect::Read,
        input: object(&properties, &["operation"]),
        output: json!({
            "type": "object",
            "properties": {
                "allowed": { "type": "boolean" },
                "caller": { "type": "string" },
                "operation": { "type": "string" },
                "needs": { "type": "string", "description": "the permission that decides" },
                "because": { "type": ["string", "null"], "description": "the grant that allows it, and where it comes from" },
                "explanation": { "type": "string" },
                "grants": { "type": "array", "items": { "type": "string" }, "description": "all that the caller has" },
            },
            "required": ["allowed", "caller", "operation", "needs", "explanation", "grants"],
        }),
    }
}

async fn explain(explainer: Explainer, question: Question, context: CallContext) -> Result<Json, Error> {
    let operation = explainer.operation(&question.operation, question.namespace.as_deref())?;
    let caller = explainer.subject(&question, &context.caller).await?;
    let (need, mut input) = (need(&operation), input(&operation, &question));
    let asking = Asking { caller: &caller, channel: context.channel, now: explainer.auth.now() };
    let held = holding(&operation, &input, asking);
    let may = !explainer.is_enabled || authorise(&operation, &mut input, asking).is_ok();
    let policy = mind(&operation, &operation, &input, asking).err().filter(|_| may);
    let allowed = may && policy.is_none();
    let holding = held.as_ref().unwrap_or(&caller);
    let place = place(&operation, &input)?;
    let name = operation.namespace.as_ref().map(|_| operation.name.as_str()).or(question.name.as_deref());
    let because =
        holding.grants.why(need.act, place.as_ref(), name).filter(|_| allowed).map(ToString::to_string);
    let explanation = if let Some(policy) = policy {
        let when = operation.contract.when.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("refused with {}: {}: when {when}", policy.code().id, policy.message())
    } else if !explainer.is_enabled {
        "everybody may: [auth] is not enabled".to_owned()
    } else if let Some(grant) = &because {
        format!("allowed by {grant}")
    } else if allowed {
        "allowed: it is the caller's own, or some of what it is about is in reach".to_owned()
    } else {
        missing(&caller, need, &operation, place.as_ref(), name)
    };
    let grants: Vec<_> = caller.grants.iter().map(ToString::to_string).collect();
    Ok(json!({
        "allowed": allowed,
        "caller": &*caller.identity,
        "operation": operation.id(),
        "needs": operation.permission,
        "because": because,
        "explanation": explanation,
        "grants": grants,
    }))
}

fn need(operation: &Operation) -> Need {
    match &operation.namespace {
        Some(_) => Need {
            act: Act { resource: "workflow", action: Action::Execute },
            subject: Subject::Named("workflow"),
            also: None,
        },
        None => needed(&operation.name),
    }
}

/// An input that is about what the question is about.
fn input(operation: &Operation, question: &Question) -> Json {
    let mut input = Map::new();
    if let (Some(_), Some(given)) = (&operation.namespace, &question.input) {
        return given.clone();
    }
    if operation.namespace.is_none() {
        input.extend(question.input.clone().map(|given| ("input".to_owned(), given)));
        input.extend(question.namespace.clone().map(|namespace| ("namespace".to_owned(), namespace.into())));
        if let (Subject::Named(field), Some(name)) = (needed(&operation.name).subject, &question.name) {
            input.insert(field.to_owned(), name.clone().into());
        }
    }
    Json::Object(input)
}

fn place(operation: &Operation, input: &Json) -> Result<Option<Namespace>, Error> {
    let named = input.get("namespace").and_then(Json::as_str).map(Namespace::new).transpose()?;
    Ok(operation.namespace.clone().or(named))
}

/// What a caller would need, and how the refusal looks to them.
fn missing(
    caller: &Caller,
    need: Need,
    operation: &Operation,
    place: Option<&Namespace>,
    name: Option<&str>,
) -> String {
    if caller.proof == Proof::Nothing {
        return format!("refused with {}: nobody has shown who they are", code::UNAUTHENTICATED.id);
    }
    let of = name.filter(|_| need.subject != Subject::Server).map_or("*", |name| name);
    let wanted = format!("{}:{of}:{}", need.act.resource, need.act.action);
    let place = place.map(|place| format!(" in {place}")).unwrap_or_default();
    let is_hidden = operation.namespace.as_ref().is_some_and(|at| !sight(caller).sees(at, &operation.name));
    let code = if is_hidden { code::WORKFLOW_UNKNOWN.id } else { code::FORBIDDEN.id };
    format!("refused with {code}: no grant allows {wanted}{place}")
}

#[derive(Deserialize)]
struct Nothing {}

fn whoami_verb() -> Verb {
    Verb {
        name: "auth.whoami",
        title: "Show who you are",
        doc: "Says whom the server takes its caller for, and all that they may do.",
        effect: Effect::Read,
        input: object(&json!({}), &[]),
        output: json!({
            "type": "object",
            "properties": {
                "caller": { "type": "string" },
                "expires_at": { "type": ["string", "null"], "description": "when the credential ends, where it says so itself" },
                "grants": { "type": "array", "items": { "type": "string" } },
            },
            "required": ["caller", "grants"],
        }),
    }
}

async fn whoami(_: Explainer, _: Nothing, context: CallContext) -> Result<Json, Error> {
    let caller = &context.caller;
    let expires = match &caller.proof {
        Proof::Token { expires, .. } => Some(expires.to_string()),
        _ => None,
    };
    let grants: Vec<_> = caller.grants.iter().map(ToString::to_string).collect();
    Ok(json!({ "caller": &*caller.identity, "expires_at": expires, "grants": grants }))
}
