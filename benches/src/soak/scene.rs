//! The server under soak: a project in a folder of its own, the process, and what it writes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::watch::Held;
use crate::process::binary;

/// Runs of every kind: at once, with a function, and waiting for a signal.
const WORKFLOWS: &str = "\
workflow Take(name: string, n: int) -> (any):
    close complete({name: name, n: n})

workflow Work(n: int) -> (any):
    activity Add(n) -> sum
    close complete(sum)

workflow Hold(n: int) -> (any):
    signal Go(by: string):
        pass
    await signal Go -> by
    close complete({n: n, by: by})

workflow Seen(n: int) -> (any):
    close complete(n)

activity Add(n: int) -> (int):
    ...
";

const FUNCTION: &str =
    "export async function Add(n, ctx) { await ctx.kv.put('soak/' + n % 50, n); return n + 1 }\n";

/// What is kept is kept for a minute, the shortest time that there is, and few runs stay in memory, so that the store and
/// what is made to be filled find their size soon.
const CONFIG: &str = "\
[engine]
retention = \"1m\"
resident_runs_max = 1000

[events]
retention = \"1m\"
max = 5000

[sandbox]
capabilities = [\"kv:read:soak/*\", \"kv:write:soak/*\"]

[secrets.hook]
file = \"hook.key\"

[inbound.hook]
scheme = \"github\"
secret = \"hook\"
event = \"hook\"

[[on]]
event = \"soak.seen\"
workflow = \"Seen\"
input = { n = \"{data.n}\" }
";

/// What the webhook's sender signs with.
const SECRET: &str = "soak";

/// A server that is being soaked; killed when dropped.
pub(super) struct Scene {
    child: Child,
    folder: TempDir,
    /// Where it listens.
    pub(super) address: String,
}

impl Scene {
    /// Starts the server.
    pub(super) fn start() -> Result<Scene> {
        let folder = tempfile::tempdir_in(".")?;
        let write = |path: &str, text: &str| -> Result<()> {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().context("a file has a folder")?)?;
            Ok(std::fs::write(path, text)?)
        };
        write("workflows/soak.twf", WORKFLOWS)?;
        write("activities/soak.js", FUNCTION)?;
        write("nexus.toml", CONFIG)?;
        write("hook.key", SECRET)?;
        let log = std::fs::File::create(folder.path().join("server.log"))?;
        let mut child = Command::new(binary()?)
            .args(["up", "--port", "0"])
            .arg(folder.path())
            .env("NEXUS_LOG", "warn,rmcp=error")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("the output is piped")?).read_line(&mut line)?;
        let Some(address) = line.trim().strip_prefix("http://").map(str::to_owned) else {
            let _ = child.wait();
            anyhow::bail!("the server did not start: {}", read_log(folder.path())?);
        };
        Ok(Scene { child, folder, address })
    }

    /// What it holds now.
    pub(super) fn held(&self) -> Result<Held> {
        Held::of(self.child.id(), &self.folder.path().join(".nexus"))
    }

    /// What it has logged.
    pub(super) fn log(&self) -> Result<String> {
        read_log(self.folder.path())
    }
}

fn read_log(folder: &Path) -> Result<String> {
    Ok(std::fs::read_to_string(folder.join("server.log"))?)
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
