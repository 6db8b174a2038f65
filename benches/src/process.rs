//! The process itself: time from its start to its first answer, and the memory it holds while idle.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::measure::{Stopwatch, millis, quantile};
use crate::out;

const ROUNDS: usize = 11;

/// Prints the figures.
pub(crate) fn run() -> Result<()> {
    out(
        "start of the server on an empty project to its first request taken (line: <= 150 ms); idle memory (line: <= 40 MiB)",
    );
    let binary = binary()?;
    let folder = tempfile::tempdir_in(".")?;
    std::fs::create_dir(folder.path().join("workflows"))?;
    let (mut starts, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let watch = Stopwatch::start();
        let mut server = Command::new(&binary)
            .args(["up", "--port", "0"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} cannot be run", binary.display()))?;
        first_line(&mut server)?;
        starts.push(watch.elapsed());
        memory.push(resident_kib(server.id())?);
        server.kill()?;
        server.wait()?;
    }
    memory.sort_unstable();
    out(&format!(
        "start: median {:.0} ms, worst {:.0} ms; resident memory: median {:.1} MiB",
        millis(quantile(&mut starts, 0.5)),
        millis(quantile(&mut starts, 1.0)),
        f64::from(memory.get(ROUNDS / 2).copied().unwrap_or(0)) / 1024.0,
    ));
    Ok(())
}

/// The server beside this program, as one build makes both.
pub(crate) fn binary() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let path = own.parent().context("a program has a folder")?.join("nexus");
    anyhow::ensure!(path.exists(), "build the server first: cargo build --release -p nexus");
    Ok(path)
}

fn first_line(server: &mut Child) -> Result<String> {
    let stdout = server.stdout.take().context("the output is piped")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    anyhow::ensure!(line.starts_with("http://"), "the server did not start");
    Ok(line)
}

/// Memory that a process holds.
pub(crate) fn resident_kib(pid: u32) -> Result<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line =
        status.lines().find(|line| line.starts_with("VmRSS:")).context("Linux tells the resident size")?;
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    Ok(digits.parse()?)
}
