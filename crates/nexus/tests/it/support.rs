//! A project in a temporary folder, the real binary, and a server of it on a free port.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::sync::watch;

/// A copy of a project, removed when dropped.
pub(crate) struct Project {
    folder: TempDir,
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

impl Project {
    /// A copy of `examples/shop`.
    pub(crate) fn shop() -> Project {
        Project::example("shop")
    }

    /// A copy of a folder of `examples/`.
    pub(crate) fn example(name: &str) -> Project {
        let project = Project::empty();
        copy(&root().join("examples").join(name), project.path());
        project
    }

    /// A folder without files.
    pub(crate) fn empty() -> Project {
        Project { folder: tempfile::tempdir().unwrap() }
    }

    /// A folder with these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Project {
        let project = Project::empty();
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The binary, run in this project.
    pub(crate) fn nexus(&self, args: &[&str]) -> Ran {
        Ran::of(command(self.path()).args(args).output().unwrap(), self)
    }

    /// Serves the project on a free port.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// Serves the project on this port.
    pub(crate) fn serve_at(&self, port: &str) -> Server {
        Server::start(self.path(), port, &[])
    }

    /// A server that tells what this filter lets through.
    pub(crate) fn serve_telling(&self, filter: &str) -> Server {
        self.serve_with(&[("NEXUS_LOG", filter)])
    }

    /// A server with these variables in its environment.
    pub(crate) fn serve_with(&self, variables: &[(&str, &str)]) -> Server {
        Server::start(self.path(), "0", variables)
    }
}

/// The binary with an environment of its own: no server from outside, one cache for all tests.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexus"));
    command.current_dir(folder).env("NO_COLOR", "1").env("COLUMNS", "100");
    for name in ["NEXUS_SERVER", "NEXUS_PROFILE", "NEXUS_TOKEN", "NEXUS_SESSION", "NEXUS_CA"] {
        command.env_remove(name);
    }
    command.env("NEXUS_CONFIG_DIR", folder.join("config-of-the-user"));
    command.env("NEXUS_STATE_DIR", folder.join("state-of-the-user"));
    command.env("NEXUS_CACHE_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    command
}

/// What a shell is offered for the last word of a line.
pub(crate) fn offered(project: &Project, line: &[&str]) -> Vec<String> {
    let mut asked = command(project.path());
    asked
        .env("COMPLETE", "bash")
        .env("_CLAP_IFS", "\n")
        .env("_CLAP_COMPLETE_INDEX", (line.len() - 1).to_string());
    let ran = Ran::of(asked.arg("--").args(line).output().unwrap(), project).ok();
    assert_eq!(ran.stderr(), "", "{line:?}");
    ran.stdout().lines().map(ToOwned::to_owned).collect()
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_name() == ".nexus" {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// What a finished process printed.
pub(crate) struct Ran {
    pub(crate) output: Output,
    folder: String,
}

impl Ran {
    /// What a process printed in a project.
    pub(crate) fn of(output: Output, project: &Project) -> Ran {
        Ran { output, folder: project.path().display().to_string() }
    }

    pub(crate) fn code(&self) -> i32 {
        self.output.status.code().unwrap_or(-1)
    }

    /// Standard output with the temporary folder's name taken out.
    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).replace(&self.folder, "[project]")
    }

    /// Standard error with the temporary folder's name taken out.
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).replace(&self.folder, "[project]")
    }

    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout(), self.stderr()))
    }

    /// Asserts success.
    pub(crate) fn ok(self) -> Ran {
        assert_eq!(self.code(), 0, "{}\n{}", self.stdout(), self.stderr());
        self
    }
}

impl Ran {
    /// Asserts that it failed with this exit code and said these words.
    pub(crate) fn refused(&self, code: i32, words: &str, what: impl std::fmt::Debug) {
        let (told, ended) = (self.stderr(), self.code());
        assert!(told.contains(words) && ended == code, "{what:?}: {ended} {told}");
    }
}

/// A server process; killed when dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
}

impl Server {
    fn start(folder: &Path, port: &str, variables: &[(&str, &str)]) -> Server {
        let _ = std::fs::remove_file(folder.join(".nexus/server.json"));
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(folder.join("server.log")).unwrap();
        let mut process = command(folder)
            .envs(variables.iter().copied())
            .args(["up", ".", "--port", port])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let url = first_line(&mut process);
        assert!(url.starts_with("http"), "{url:?}: {}", server_log(folder));
        Server { process, url }
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) {
        let asked = Command::new("kill").arg(self.process.id().to_string()).status().unwrap();
        assert!(asked.success());
        self.process.wait().unwrap();
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// The server prints its address when it takes requests.
fn first_line(process: &mut Child) -> String {
    use std::io::{BufRead, BufReader};
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    line.trim().to_owned()
}

pub(crate) fn server_log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("server.log")).unwrap_or_default()
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An HTTP client that gives up in time.
pub(crate) fn http() -> reqwest::Client {
    // Fails from the second call on: the provider is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().timeout(Duration::from_mins(1)).build().unwrap()
}

/// Asks the server that lives now until one answers; a refused connection means waiting for the next address.
pub(crate) async fn until_answered(
    address: &watch::Receiver<String>,
    request: impl Fn(&str) -> reqwest::RequestBuilder,
) -> Json {
    let mut url = address.clone();
    loop {
        let now = url.borrow_and_update().clone();
        if let Ok(response) = request(&now).send().await {
            let (status, body) = (response.status(), response.json::<Json>().await);
            if let Some(body) = body.ok().filter(|_| status.as_u16() != 503) {
                assert!(status.is_success(), "{status}: {body}");
                return body;
            }
        }
        if *url.borrow() == now {
            url.changed().await.unwrap();
        }
    }
}
