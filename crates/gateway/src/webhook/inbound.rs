//! Webhooks that others send: `POST /webhooks/{name}` becomes an event once its signature is found to fit.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::HeaderMap;
use nexus_kernel::Json;
use nexus_kernel::call::{CallContext, Caller, Wait};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::json as reader;
use nexus_kernel::port::secret::Secrets;
use nexus_kernel::suggest;
use serde_json::{Map, json};

use super::scheme::{Delivery, Incoming, Scheme};
use crate::pipeline::{Pipeline, Target};

/// One webhook as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// How its sender signs.
    pub scheme: Scheme,
    /// The name of the secret that it signs with. There is no webhook without one.
    pub secret: String,
    /// Where the event is published.
    pub namespace: Namespace,
    /// The address that the sender posts to; for schemes that sign it.
    pub url: Option<String>,
    /// The event's type; what the sender says of its kind is put behind it.
    pub kind: String,
}

/// The webhooks of a server. Cheap to clone.
#[derive(Clone, Default)]
pub struct Inbound {
    hooks: Arc<RwLock<Arc<Known>>>,
}

#[derive(Default)]
struct Known {
    hooks: BTreeMap<String, Hook>,
    secrets: Option<Arc<dyn Secrets>>,
}

impl Inbound {
    /// Takes these from now on, and no others.
    pub fn replace(&self, hooks: BTreeMap<String, Hook>, secrets: Arc<dyn Secrets>) {
        let known = Arc::new(Known { hooks, secrets: Some(secrets) });
        *self.hooks.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// Checks a request, whose `url` is its query alone, and publishes it as an event. Gives what the verb `event.publish`
    /// answers.
    pub(crate) async fn receive(
        &self,
        name: &str,
        request: Incoming<'_>,
        pipeline: &Pipeline,
        context: CallContext,
    ) -> Result<Json, Error> {
        let known = Arc::clone(&self.hooks.read().unwrap_or_else(PoisonError::into_inner));
        let (Some(hook), Some(secrets)) = (known.hooks.get(name), &known.secrets) else {
            return Err(unknown(name, &known));
        };
        let secret = secrets.secret(&hook.namespace, &hook.secret).await.map_err(|error| {
            tracing::error!(webhook = name, %error, "the secret of a webhook cannot be had");
            // Which secret that is, and where it should be, is not for whoever posts here.
            Error::new(&code::SECRET_UNREADABLE, "the secret of this webhook cannot be read")
        })?;
        let now = pipeline.clock().now();
        let url = format!("{}{}", hook.url.as_deref().unwrap_or_default(), request.url);
        let delivery = hook.scheme.check(secret.reveal(), Incoming { url: &url, ..request }, now)?;
        let caller = Caller::webhook(name, &hook.namespace).at(context.caller.address);
        let context = CallContext { wait: Wait::Done, caller, ..context };
        let fact = fact(name, hook, delivery, data_of(request.headers, request.body));
        Ok(pipeline.call(Target::Verb("event.publish"), fact, context).await?.output)
    }
}

fn unknown(name: &str, known: &Known) -> Error {
    let error = Error::new(&code::WEBHOOK_UNKNOWN, format!("there is no webhook {name:?}"));
    match suggest::nearest(name, known.hooks.keys().map(String::as_str)) {
        Some(near) => error.help(format!("did you mean {near:?}?")),
        None => error.help("`[inbound.NAME]` in nexus.toml makes one"),
    }
}

/// The event. The same delivery has the same id, so that it is one event however often it is sent.
fn fact(name: &str, hook: &Hook, delivery: Delivery, data: Json) -> Json {
    let kind = match delivery.kind.as_deref().map(tidy).filter(|kind| !kind.is_empty()) {
        Some(kind) => format!("{}.{kind}", hook.kind),
        None => hook.kind.clone(),
    };
    let mut fact = json!({
        "namespace": hook.namespace, "type": kind, "source": format!("/webhooks/{name}"), "data": data,
    });
    if let (Some(fields), Some(id)) = (fact.as_object_mut(), delivery.id) {
        fields.insert("id".into(), format!("webhook:{name}:{id}").into());
    }
    fact
}

/// A sender's word for what happened, in the letters of event types.
fn tidy(kind: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    let text: String = kind.chars().map(fits).take(100).collect();
    text.split('.').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
}

/// A body of JSON as it is, a form as an object of texts, anything else as a text: also JSON that names a member twice, of
/// which a reader would have to choose one.
fn data_of(headers: &HeaderMap, body: &[u8]) -> Json {
    if let Ok(value) = reader::read(body) {
        return value;
    }
    let media_type = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(body);
    if media_type.starts_with("application/x-www-form-urlencoded")
        && let Some(pairs) = form(&text)
    {
        return Json::Object(
            pairs.into_iter().map(|(name, value)| (name, value.into())).collect::<Map<_, _>>(),
        );
    }
    text.into_owned().into()
}

/// The names and values of a form, in their order.
pub(super) fn form(text: &str) -> Option<Vec<(String, String)>> {
    let uri = format!("/?{text}").parse().ok()?;
    Some(axum::extract::Query::try_from_uri(&uri).ok()?.0)
}
