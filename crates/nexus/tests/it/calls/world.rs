//! Two servers: a bank with services, and a shop that calls them.

use std::net::TcpListener;

use serde_json::{Value as Json, json};

use crate::support::{Project, Server, http};

/// What the bank does.
pub(super) const BANK: &str = "\
workflow Pay(amount: int) -> (string):
    timer(10ms)
    if (amount < 0):
        raise InvalidAmount(\"must be positive\")
    close complete(\"paid \" + str(amount) + \" for \" + workflow.caller.namespace)

workflow Hold() -> (string):
    timer(1h)
    close complete(\"held\")

workflow Note(text: string) -> (string):
    close complete(text)

nexus service Payments:
    async Process workflow Pay
    async Hold workflow Hold
    async Note workflow Note
    sync Quote(amount: int) -> (any):
        if (amount <= 0):
            raise InvalidAmount(\"must be positive\")
        return {fee: amount * 2}
    sync Who() -> (any):
        return caller
    sync Echo(value: any) -> (any):
        return value
    sync Slow(seconds: int) -> (string):
        timer(seconds)
        return \"done\"

worker paying:
    workflow Pay
    workflow Hold
    workflow Note
    nexus service Payments

namespace bank:
    worker paying
        options:
            task_queue: \"pay\"
    nexus endpoint payments
        options:
            task_queue: \"pay\"
            allowed_caller_namespaces: [\"shop\", \"default\"]
";

/// What the shop does.
pub(super) const SHOP: &str = "\
workflow Buy(amount: int) -> (any):
    nexus payments Payments.Quote(amount) -> quote
        options:
            schedule_to_close_timeout: 1m
    promise paying <- nexus payments Payments.Process(amount)
        options:
            schedule_to_close_timeout: 1m
    detach nexus payments Payments.Note(\"sold\")
    await paying -> receipt
    refused = []
    try:
        nexus payments Payments.Quote(0)
            options:
                schedule_to_close_timeout: 1m
    catch e:
        refused = [e.type, e.cause.type]
    missing = \"\"
    try:
        nexus payments Payments.Nothing()
            options:
                schedule_to_close_timeout: 1m
    catch e:
        missing = e.type
    late = \"\"
    try:
        nexus payments Payments.Hold()
            options:
                schedule_to_close_timeout: 300ms
    catch e:
        late = e.type
    close complete({quote: quote, receipt: receipt, refused: refused, missing: missing, late: late})

workflow Pay(amount: int) -> (any):
    nexus payments Payments.Process(amount) -> receipt
        options:
            schedule_to_close_timeout: 5m
    close complete(receipt)

workflow Ask() -> (any):
    nexus payments Payments.Who() -> who
        options:
            schedule_to_close_timeout: 1m
    close complete(who)

workflow Wait() -> (any):
    nexus payments Payments.Hold() -> held
        options:
            schedule_to_close_timeout: 1h
            cancellation_type: wait_cancellation_completed
    close complete(held)

worker buying:
    workflow Buy
    workflow Pay
    workflow Ask
    workflow Wait

namespace shop:
    worker buying
        options:
            task_queue: \"buy\"

namespace kiosk:
    worker buying
        options:
            task_queue: \"kiosk\"
";

/// Both sides on one server.
pub(super) const BOTH: &str = "\
workflow Pay() -> (string):
    close complete(\"paid\")

workflow Order() -> (string):
    nexus payments Payments.Process() -> receipt
        options:
            schedule_to_close_timeout: 1m
    close complete(receipt)

nexus service Payments:
    async Process workflow Pay
    sync Quote(amount: int) -> (any):
        return {fee: amount * 2}

worker paying:
    workflow Pay
    nexus service Payments

worker buying:
    workflow Order

namespace bank:
    worker paying
        options:
            task_queue: \"pay\"
    nexus endpoint payments
        options:
            task_queue: \"pay\"
            allowed_caller_namespaces: [\"shop\"]

namespace shop:
    worker buying
        options:
            task_queue: \"buy\"
";

/// One server and its project.
pub(super) struct Side {
    pub(super) project: Project,
    pub(super) server: Server,
    pub(super) port: u16,
    /// What its owner shows it, once it asks.
    pub(super) key: Option<String>,
    runtime: tokio::runtime::Runtime,
}

/// A port that nobody listens at.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Side {
    pub(super) fn serve(project: Project) -> Side {
        Side::serve_at(project, free_port())
    }

    pub(super) fn serve_at(project: Project, port: u16) -> Side {
        let server = project.serve_at(&port.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Side { project, server, port, key: None, runtime }
    }

    /// The same server after a stop.
    pub(super) fn again(self) -> Side {
        self.server.stop();
        Side { key: self.key, ..Side::serve_at(self.project, self.port) }
    }

    /// The same server after `kill -9`.
    pub(super) fn killed(self) -> Side {
        self.server.kill();
        Side { key: self.key, ..Side::serve_at(self.project, self.port) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The status, headers and body of what a request is answered with.
    pub(super) fn ask(&self, request: reqwest::RequestBuilder) -> (u16, reqwest::header::HeaderMap, Vec<u8>) {
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            (status, headers, answer.bytes().await.unwrap().to_vec())
        })
    }

    /// What a verb answers; an error when it was refused.
    pub(super) fn try_call(&self, verb: &str, input: &Json) -> Result<Json, Json> {
        let mut request = http().post(format!("{}/v1/operations/{verb}", self.url())).json(input);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let (status, _, body) = self.ask(request);
        let body: Json = serde_json::from_slice(&body).unwrap_or(Json::Null);
        if status < 300 { Ok(body["output"].clone()) } else { Err(body) }
    }

    pub(super) fn call(&self, verb: &str, input: &Json) -> Json {
        self.try_call(verb, input).unwrap_or_else(|error| panic!("{verb} {input}: {error}"))
    }

    /// Asks again until the answer is as wanted: each time the server has had its turn.
    pub(super) fn until(&self, verb: &str, input: &Json, wanted: impl Fn(&Json) -> bool) -> Json {
        loop {
            let found = self.call(verb, input);
            if wanted(&found) {
                return found;
            }
        }
    }

    pub(super) fn begin(&self, workflow: &str, input: &Json) -> String {
        self.begin_in("shop", workflow, input)
    }

    pub(super) fn begin_in(&self, namespace: &str, workflow: &str, input: &Json) -> String {
        let mut request = http()
            .post(format!("{}/v1/workflows/{workflow}/runs?namespace={namespace}", self.url()))
            .header("prefer", "respond-async")
            .json(input);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let (status, _, body) = self.ask(request);
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(status < 300, "{status}: {text}");
        let body: Json = serde_json::from_slice(&body).unwrap();
        body["run_id"].as_str().unwrap_or_else(|| panic!("{text}")).to_owned()
    }

    /// A run as it has ended.
    pub(super) fn ended(&self, run: &str) -> Json {
        self.until("run.show", &json!({ "run_id": run, "wait_ms": 5_000 }), |shown| {
            shown["status"] != "running"
        })
    }

    pub(super) fn result(&self, run: &str) -> Json {
        let ended = self.ended(run);
        assert_eq!(ended["status"], "completed", "{ended}");
        ended["result"].clone()
    }

    /// The runs of a workflow, once so many of them have ended.
    pub(super) fn wait_for(&self, workflow: &str, count: usize) -> Vec<Json> {
        let found = self.until("run.list", &json!({ "workflow": workflow }), |found| {
            let all = found["runs"].as_array().unwrap();
            all.iter().filter(|run| run["status"] != "running").count() >= count
        });
        found["runs"].as_array().unwrap().clone()
    }
}

/// A bank and a shop that calls it.
pub(super) struct Pair {
    pub(super) bank: Side,
    pub(super) shop: Side,
}

/// How a shop is configured that calls a bank at this address.
pub(super) fn shop_config(bank: &str) -> String {
    format!(
        "[endpoints.payments]\nurl = \"{bank}/nexus/endpoints/payments/services\"\n\
         [http]\nallow_addresses = [\"127.0.0.1\"]\n"
    )
}

impl Pair {
    pub(super) fn start() -> Pair {
        Pair::with("[http]\nallow_addresses = [\"127.0.0.1\"]\n", BANK)
    }

    /// A pair whose bank is configured like this.
    pub(super) fn with(config: &str, bank: &str) -> Pair {
        let bank = Side::serve(Project::with(&[("workflows/bank.twf", bank), ("nexus.toml", config)]));
        let config = shop_config(&bank.url());
        let shop = Side::serve(Project::with(&[("workflows/shop.twf", SHOP), ("nexus.toml", &config)]));
        Pair { bank, shop }
    }

    pub(super) fn shop_runs(&self, workflow: &str, input: &Json) -> Json {
        self.shop.result(&self.shop.begin(workflow, input))
    }
}
