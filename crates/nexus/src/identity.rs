//! Who may come in, as the project's files say: identity providers with their keys, and certificates.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use nexus_gateway::Pipeline;
use nexus_gateway::identity::login::{ClientSpec, Desk, Logins, Posted};
use nexus_gateway::identity::token::{
    Algorithm, DecodingKey, Fetch, Fetched, IssuerSpec, KeySet, KeysAt, Tokens,
};
use nexus_gateway::identity::{ApiKeys, Auth, Certificates, Explainer, Proofs};
use nexus_gateway::policy::LiveRoles;
use nexus_kernel::access::Entitlement;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::Operation;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::kv::Kv;
use nexus_kernel::port::rng::{Rng, SharedRng};
use nexus_kernel::port::secret::Secrets as _;
use nexus_kernel::task::{self, Shutdown};
use nexus_kernel::{BoxFuture, code, json};
use reqwest::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use reqwest::{Client, RequestBuilder, Response};

use crate::activities::secrets::ProjectSecrets;
use crate::config::issuer::{IssuerConfig, is_private};
use crate::node::Purpose;
use crate::outbound::tls::{self, Fault};
use crate::owner;
use crate::profile::Secret;
use crate::project::Project;

/// The largest document of an identity provider, in bytes.
const DOCUMENT_BYTES_MAX: usize = 512 * 1024;

/// How long an identity provider may take to answer, in seconds.
const ANSWER_SECONDS_MAX: u64 = 5;

/// Secrets that tokens are signed with have at least as many bytes as the shortest hash (RFC 7518, 3.2).
const SECRET_BYTES_MIN: usize = 32;

/// What lets callers in, and follows the project's files. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Identity {
    keys: ApiKeys,
    roles: LiveRoles,
    tokens: Tokens,
    logins: Logins,
    certificates: Certificates,
    clock: SharedClock,
    /// Set with the pipeline, whose operations it tells of.
    explainer: Arc<OnceLock<Explainer>>,
}

/// What a project says of callers, read and found to be right.
pub(crate) struct Wanted {
    roles: nexus_gateway::policy::Roles,
    issuers: Vec<IssuerSpec>,
    clients: Vec<ClientSpec>,
    certificates: BTreeMap<String, Entitlement>,
}

impl Identity {
    /// With the keys of a store, and nobody else until the project's files are followed.
    pub(crate) async fn open(
        project: &Project,
        store: &Arc<dyn Kv>,
        clock: &SharedClock,
        rng: &SharedRng,
    ) -> Result<Identity, Error> {
        let roles = LiveRoles::new(project.config.auth.roles()?);
        let keys =
            ApiKeys::open(Arc::clone(store), Arc::clone(clock), Arc::clone(rng), roles.clone()).await?;
        let providers = Arc::new(Providers::new(project, clock));
        let tokens = Tokens::new(providers.clone(), Arc::clone(clock), roles.clone());
        let ports = (Arc::clone(clock), Arc::clone(rng));
        let logins = Logins::new(Arc::clone(store), providers, tokens.clone(), ports);
        let (certificates, explainer) = (Certificates::default(), Arc::default());
        Ok(Identity { keys, roles, tokens, logins, certificates, clock: Arc::clone(clock), explainer })
    }

    /// The pipeline that minds who calls, when a project that wants that is served.
    pub(crate) async fn guard(
        &self,
        pipeline: Pipeline,
        project: &Project,
        purpose: Purpose,
        (rng, shutdown): (&dyn Rng, &Shutdown),
    ) -> Result<Pipeline, Error> {
        let is_enabled = project.config.auth.enabled;
        let owner = if is_enabled && purpose == Purpose::Serve {
            self.follow(Wanted::read(project).await?);
            self.logins.load().await?;
            drop(task::spawn(self.logins.clone().sweep(shutdown.clone())));
            Some(owner::renew(&project.root, rng)?)
        } else {
            None
        };
        let auth = self.auth(owner.as_ref().map(Secret::reveal));
        let explainer = Explainer::new(auth.clone(), pipeline.catalogue().downgrade(), is_enabled);
        self.explainer.get_or_init(|| explainer);
        Ok(if owner.is_some() { pipeline.guarded(auth) } else { pipeline })
    }

    /// What decides who calls, with the owner's credential where there is one.
    fn auth(&self, owner: Option<&str>) -> Auth {
        let proofs = Proofs {
            keys: self.keys.clone(),
            tokens: self.tokens.clone(),
            logins: self.logins.clone(),
            certificates: self.certificates.clone(),
            owner: owner.map(|owner| Hash::of(owner.as_bytes())),
            roles: self.roles.clone(),
        };
        Auth::new(proofs, Arc::clone(&self.clock))
    }

    /// The verbs, for the catalogue.
    pub(crate) fn operations(&self) -> Vec<Operation> {
        let told = self.explainer.get().map(Explainer::operations).unwrap_or_default();
        self.keys.operations().into_iter().chain(told).collect()
    }

    /// Lets in whom the files name, from now on and nobody else.
    pub(crate) fn follow(&self, wanted: Wanted) {
        self.roles.replace(wanted.roles);
        self.keys.follow();
        self.tokens.follow(wanted.issuers);
        self.logins.follow(wanted.clients);
        self.certificates.follow(&wanted.certificates, &self.roles);
    }
}

impl Wanted {
    /// Reads what the files of a project say, those of keys among them.
    pub(crate) async fn read(project: &Project) -> Result<Wanted, Error> {
        let auth = &project.config.auth;
        let roles = auth.roles()?;
        let (mut issuers, mut clients) = (Vec::new(), Vec::new());
        for (name, config) in &auth.issuers {
            clients.extend(client(project, name, config).await?);
            let keys = keys(project, name, config).await?;
            issuers.push(IssuerSpec {
                name: name.clone(),
                issuer: config.issuer.clone(),
                audiences: config.audiences.clone(),
                algorithms: config.algorithms().map_err(|why| wrong(name, &why))?,
                skew: config.skew(),
                age_max: config.max_age.map(|length| length.0),
                mapping: config.mapping()?,
                keys,
                client_id: config.client_id.clone(),
            });
        }
        let certificates = auth.certificates(&roles)?;
        Ok(Wanted { roles, issuers, clients, certificates })
    }
}

/// What people log in with at an issuer, where they do in browsers.
async fn client(project: &Project, name: &str, config: &IssuerConfig) -> Result<Option<ClientSpec>, Error> {
    let Some(client_id) = config.client_id.clone().filter(|_| config.browser) else { return Ok(None) };
    let client_secret = match &config.client_secret {
        Some(secret) => Some(ProjectSecrets::new(project).secret(&Namespace::system(), secret).await?),
        None => None,
    };
    let (name, issuer) = (name.to_owned(), config.issuer.clone());
    Ok(Some(ClientSpec { name, issuer, client_id, client_secret, scope: config.scope().to_owned() }))
}

/// Where the keys of an issuer are; those that are here are read.
async fn keys(project: &Project, name: &str, config: &IssuerConfig) -> Result<KeysAt, Error> {
    if let Some(secret) = &config.secret {
        let secrets = ProjectSecrets::new(project);
        let secret = secrets.secret(&Namespace::system(), secret).await?;
        if secret.reveal().len() < SECRET_BYTES_MIN {
            return Err(wrong(name, &format!("its secret has fewer than {SECRET_BYTES_MIN} bytes")));
        }
        return Ok(KeysAt::Here(KeySet::of(DecodingKey::from_secret(secret.reveal().as_bytes()))));
    }
    if let Some(file) = &config.keys_file {
        let algorithms = config.algorithms().map_err(|why| wrong(name, &why))?;
        return keys_in(&project.root.join(file), &algorithms)
            .map(KeysAt::Here)
            .map_err(|why| wrong(name, &format!("{file}: {why}")));
    }
    Ok(config.jwks_url.clone().map_or(KeysAt::Discovered, KeysAt::Url))
}

/// The keys of a file: a JWK set, or one public key as PEM.
fn keys_in(path: &Path, algorithms: &[Algorithm]) -> Result<KeySet, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("it cannot be read: {error}"))?;
    if bytes.trim_ascii_start().starts_with(b"{") {
        let document = json::read(&bytes).map_err(|error| format!("it is no JSON: {error}"))?;
        return KeySet::parse(&document);
    }
    let readers = [DecodingKey::from_ec_pem, DecodingKey::from_ed_pem, DecodingKey::from_rsa_pem];
    let key = readers
        .iter()
        .find_map(|read| read(&bytes).ok())
        .ok_or("it is neither a JWK set nor a public key as PEM")?;
    let fits = algorithms.iter().any(|algorithm| key.family().algorithms().contains(algorithm));
    fits.then(|| KeySet::of(key)).ok_or_else(|| "none of `algorithms` goes with this key".to_owned())
}

fn wrong(name: &str, why: &str) -> Error {
    let at = format!("auth.issuers.{name}");
    Error::new(&code::CONFIG_INVALID, format!("[{at}]: {why}"))
        .fault(format!("nexus.toml: {at}"), why)
        .help("`docs/access.md` shows an issuer with each kind of key")
}

/// The way to identity providers: public documents over connections that nobody reads along.
struct Providers {
    ca_file: Option<PathBuf>,
    secure: OnceLock<Result<Client, Fault>>,
    plain: OnceLock<Result<Client, Fault>>,
    clock: SharedClock,
}

impl Providers {
    fn new(project: &Project, clock: &SharedClock) -> Providers {
        let ca_file = project.config.http.ca_path(&project.root);
        Providers { ca_file, secure: OnceLock::new(), plain: OnceLock::new(), clock: Arc::clone(clock) }
    }

    /// The client for an address. The authorities of the system are read when they are needed first.
    fn client(&self, url: &str) -> Result<&Client, String> {
        let builder = || {
            Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .user_agent(concat!("nexus/", env!("CARGO_PKG_VERSION")))
        };
        let client = if url.starts_with("https:") {
            self.secure.get_or_init(|| tls::secure(builder(), self.ca_file.as_deref()))
        } else {
            self.plain.get_or_init(|| tls::plain(builder()))
        };
        client.as_ref().map_err(Fault::advice)
    }

    /// An answer, if it comes in time.
    async fn within<T>(
        &self,
        url: &str,
        answer: impl Future<Output = Result<T, String>>,
    ) -> Result<T, String> {
        let limit = self.clock.sleep_until(self.clock.now().plus(Duration::from_secs(ANSWER_SECONDS_MAX)));
        tokio::select! {
            biased;
            answer = answer => answer,
            () = limit => Err(format!("{url} did not answer within {ANSWER_SECONDS_MAX} s")),
        }
    }
}

impl Fetch for Providers {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Fetched, String>> {
        Box::pin(async move {
            if !is_private(url) {
                return Err(format!("{url} is no secure address"));
            }
            self.within(url, get(self.client(url)?, url)).await
        })
    }
}

impl Desk for Providers {
    fn post<'a>(
        &'a self,
        url: &'a str,
        form: String,
        authorization: Option<String>,
    ) -> BoxFuture<'a, Result<Posted, String>> {
        Box::pin(async move {
            if !is_private(url) {
                return Err(format!("{url} is no secure address"));
            }
            let request =
                self.client(url)?.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            let request = request.body(form);
            let request = match authorization {
                Some(value) => request.header(AUTHORIZATION, value),
                None => request,
            };
            self.within(url, async {
                let response = answer(request, url).await?;
                let status = response.status().as_u16();
                Ok(Posted { status, body: body(response, url).await? })
            })
            .await
        })
    }
}

/// What an identity provider answers.
async fn answer(request: RequestBuilder, url: &str) -> Result<Response, String> {
    let answered = request.header(ACCEPT, "application/json").send().await;
    answered.map_err(|error| match tls::fault(&error) {
        Some(fault) => format!("{url}: {}", fault.advice()),
        None => format!("{url} cannot be reached"),
    })
}

async fn body(mut response: Response, url: &str) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| format!("{url} broke off"))? {
        if body.len() + chunk.len() > DOCUMENT_BYTES_MAX {
            return Err(format!("{url} sent more than {DOCUMENT_BYTES_MAX} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

async fn get(client: &Client, url: &str) -> Result<Fetched, String> {
    let response = answer(client.get(url), url).await?;
    if !response.status().is_success() {
        return Err(format!("{url} answered {}", response.status().as_u16()));
    }
    let fresh = fresh(&response);
    Ok(Fetched { body: body(response, url).await?, fresh })
}

/// How long an answer may be kept (RFC 9111, 5.2.2.1).
fn fresh(response: &Response) -> Option<Duration> {
    let text = response.headers().get(CACHE_CONTROL)?.to_str().ok()?;
    let seconds = text.split(',').find_map(|part| part.trim().strip_prefix("max-age="))?;
    seconds.trim_matches('"').parse().ok().map(Duration::from_secs)
}
