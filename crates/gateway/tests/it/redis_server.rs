//! A real Redis on a free port, in a folder of its own, stopped when dropped. Tests of several crates share this file.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A Redis.
pub(crate) struct RedisServer {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
    more: Vec<String>,
}

impl RedisServer {
    /// Starts one. Without `redis-server` on this machine the test fails and says so.
    pub(crate) fn start() -> RedisServer {
        RedisServer::start_with(&[])
    }

    /// Starts one with more arguments.
    pub(crate) fn start_with(more: &[&str]) -> RedisServer {
        let folder = tempfile::tempdir().unwrap();
        let more: Vec<String> = more.iter().map(|&argument| argument.to_owned()).collect();
        // Another process may take the port between two lines.
        for _ in 0..10 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if let Some(process) = spawn(folder.path(), port, &more) {
                return RedisServer { process, port, folder, more };
            }
        }
        panic!("redis-server does not start");
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again at the same port, with what it has saved.
    pub(crate) fn restart(&mut self) {
        self.process = spawn(self.folder.path(), self.port, &self.more).expect("redis-server starts again");
    }

    /// It answers nothing from now on, and keeps its connections.
    pub(crate) fn hang(&self) {
        self.signal("-STOP");
    }

    /// It answers again, also what it was asked meanwhile.
    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// What it says to a command.
    pub(crate) fn tell(&self, command: &[&str]) -> String {
        let told = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(command).output();
        String::from_utf8(told.unwrap().stdout).unwrap().trim().to_owned()
    }

    /// All keys that it has.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.tell(&["keys", "*"]).lines().map(ToOwned::to_owned).filter(|key| !key.is_empty()).collect()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts a Redis that saves nothing by itself, and waits until it takes connections. Nothing when it ends instead.
fn spawn(folder: &Path, port: u16, more: &[String]) -> Option<Child> {
    let mut process = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(["--logfile", "", "--daemonize", "no"])
        .args(more)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("this test needs redis-server (`apt-get install redis-server`): {error}")
        });
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let is_ready = lines.any(|line| line.is_ok_and(|line| line.contains("Ready to accept connections")));
    // It would wait for somebody to read what it says.
    std::thread::spawn(move || lines.for_each(drop));
    if !is_ready {
        let _ = process.wait();
    }
    is_ready.then_some(process)
}
