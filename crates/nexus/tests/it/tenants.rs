//! Two teams on one server: whatever one of them calls with the ids of the other, it sees nothing of theirs and changes nothing
//! there. Every verb of the catalogue is tried, by its own schema, so that no new one is forgotten.

use serde_json::{Map, Value as Json, json};

use crate::support::{Project, Server, http};

const WORKFLOWS: &str = "\
workflow Vault(card: string) -> (string):
    state:
        condition done
    signal Go():
        set done
    await done
    close complete(card)

workflow Own(n: int) -> (int):
    close complete(n)

worker Theirs:
    workflow Vault

worker Ours:
    workflow Own

namespace bank:
    worker Theirs
        options:
            task_queue: \"bank\"

namespace shop:
    worker Ours
        options:
            task_queue: \"shop\"
";

const CONFIG: &str = "\
[auth]
enabled = true
[encryption]
key = \"master\"
[secrets.master]
file = \"master.key\"
[secrets.partner]
stored = true
";

/// What nobody but its owners may ever see.
const CANARY: &str = "canary-5f1b";

/// Somebody with a key.
struct Caller<'a> {
    server: &'a Server,
    key: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl<'a> Caller<'a> {
    fn new(server: &'a Server, project: &Project, args: &[&str]) -> Caller<'a> {
        let key = project.nexus(&[&["key", "create", "test"], args].concat()).ok().stdout().trim().to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Caller { server, key, client: http(), runtime }
    }

    /// The status and the text of an answer.
    fn ask(&self, verb: &str, input: &Json) -> (u16, String) {
        let url = format!("{}/v1/operations/{verb}", self.server.url);
        self.runtime.block_on(async {
            let answer = self.client.post(url).bearer_auth(&self.key).json(input).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        })
    }

    /// What a call gives that has to be carried out.
    fn done(&self, verb: &str, input: &Json) -> Json {
        let (status, text) = self.ask(verb, input);
        assert!(matches!(status, 200 | 202), "{verb} {input}: {text}");
        serde_json::from_str::<Json>(&text).unwrap()
    }
}

/// The ids of what a team has, by the fields that verbs take them in.
struct Ids(Vec<(&'static str, String)>);

impl Ids {
    /// Makes one of everything.
    fn of(team: &Caller<'_>) -> Ids {
        let memo = json!({ "note": CANARY });
        let start = json!({ "workflow": "Vault", "workflow_id": "theirs", "input": { "card": CANARY }, "memo": memo });
        let run = team.done("run.start", &start);
        let action = json!({ "workflow": "Vault", "input": { "card": CANARY } });
        let spec = json!({ "intervals": [{ "every": "720h" }] });
        let schedule = json!({ "schedule_id": "theirs", "spec": spec, "action": action, "note": CANARY });
        team.done("schedule.create", &schedule);
        let session =
            team.done("session.create", &json!({ "namespace": "bank", "state": { "cart": CANARY } }));
        let event = json!({ "namespace": "bank", "type": "order.paid", "id": "e-theirs", "data": CANARY });
        team.done("event.publish", &event);
        team.done("secret.set", &json!({ "namespace": "bank", "name": "partner", "value": CANARY }));
        let text = |json: &Json| json.as_str().unwrap().to_owned();
        Ids(vec![
            ("run_id", text(&run["run_id"])),
            ("workflow_id", "theirs".into()),
            ("schedule_id", "theirs".into()),
            ("session_id", text(&session["output"]["session_id"])),
            ("id", "e-theirs".into()),
            ("key_id", team.key[4..16].to_owned()),
            ("batch_id", "theirs".into()),
            ("task_queue", "bank".into()),
            ("workflow", "Vault".into()),
            ("caller", format!("key:{}", &team.key[4..16])),
        ])
    }

    /// An input of a verb: all of these that it takes, and something in what else it has to have.
    fn input(&self, verb: &str, schema: &Json, more: &[(&str, &str)]) -> Json {
        let fields = schema["properties"].as_object().cloned().unwrap_or_default();
        let ids = self.0.iter().map(|(name, id)| (*name, id.as_str()));
        let name = match verb.split('.').next().unwrap() {
            "workflow" => "Vault",
            "secret" => "partner",
            _ => "Go",
        };
        let given =
            ids.chain(more.iter().copied()).chain([("name", name), ("signal", "Go"), ("update", "Go")]);
        let mut input: Map<String, Json> = given
            .filter(|(field, _)| fields.contains_key(*field))
            .map(|(field, id)| (field.to_owned(), id.into()))
            .collect();
        for field in schema["required"].as_array().into_iter().flatten().map(|field| field.as_str().unwrap())
        {
            input.entry(field).or_insert_with(|| filler(&fields[field]));
        }
        if fields.contains_key("activity_id") {
            input.insert("activity_id".into(), json!(1));
        }
        Json::Object(input)
    }
}

/// Something of the type that a field has.
fn filler(schema: &Json) -> Json {
    match schema["type"].as_str() {
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(false),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => json!("x"),
    }
}

/// All that a team has, as it sees it.
fn all_of(team: &Caller<'_>, ids: &Ids) -> Json {
    let id = |name: &str| ids.0.iter().find(|(field, _)| *field == name).unwrap().1.clone();
    let run = json!({ "run_id": id("run_id") });
    let mut session = team.done("session.show", &json!({ "session_id": id("session_id") }))["output"].clone();
    session = json!([session["state"], session["version"]]);
    let of_team = json!({ "namespace": "bank" });
    let schedule = json!({ "namespace": "bank", "schedule_id": "theirs" });
    let queue = json!({ "namespace": "bank", "task_queue": "bank" });
    json!({
        "runs": team.done("run.list", &json!({}))["output"]["runs"],
        "history": team.done("run.history", &run)["output"],
        "schedule": team.done("schedule.show", &schedule)["output"],
        "events": team.done("event.list", &of_team)["output"],
        "secrets": team.done("secret.list", &of_team)["output"],
        "queue": team.done("queue.describe", &queue)["output"]["paused"],
        "session": session,
    })
}

/// Every verb, with the schema of its input.
fn verbs() -> Vec<(String, Json)> {
    let listed: Json = serde_json::from_str(include_str!("../../../../schemas/operations.json")).unwrap();
    let all = listed["operations"].as_array().unwrap().iter();
    let verbs = all.filter(|operation| operation["name"].as_str().unwrap().contains('.'));
    verbs.map(|verb| (verb["name"].as_str().unwrap().to_owned(), verb["input"].clone())).collect()
}

#[test]
fn no_verb_with_any_id_of_another_team_shows_or_changes_anything_of_theirs() {
    let project = Project::with(&[("workflows/a.twf", WORKFLOWS), ("nexus.toml", CONFIG)]);
    project.write("master.key", &"0123".repeat(16));
    let server = project.serve();
    let theirs = Caller::new(&server, &project, &["--role", "admin", "--namespace", "bank"]);
    let ids = Ids::of(&theirs);
    let before = all_of(&theirs, &ids);
    assert!(before.to_string().contains(CANARY), "{before}");
    let others = [
        Caller::new(&server, &project, &["--role", "operator", "--namespace", "shop"]),
        Caller::new(&server, &project, &["--role", "admin", "--namespace", "shop"]),
    ];
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for (verb, schema) in verbs() {
        for more in [&[][..], &[("namespace", "bank")], &[("workflow", "bank/Vault")]] {
            let input = ids.input(&verb, &schema, more);
            for other in &others {
                let (status, text) = other.ask(&verb, &input);
                tried += 1;
                let is_let_in = input["namespace"] == "bank" && status < 300;
                if status >= 500 || text.contains(CANARY) || is_let_in {
                    wrong.push(format!("{verb} {input}: {status} {text}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 500, "{tried}");
    assert_eq!(all_of(&theirs, &ids), before, "what is theirs is as it was");
}
