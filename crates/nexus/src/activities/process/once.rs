//! A process for one attempt: its input is all of standard input, its output all of standard output.

use nexus_kernel::Json;
use nexus_kernel::failure::Failure;
use nexus_kernel::limits::PAYLOAD_BYTES_MAX;
use nexus_kernel::port::clock::SharedClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::activities::process::Program;
use crate::activities::process::child::{LastWords, command, not_started, told};
use crate::activities::process::group::Group;

/// Runs the program and waits for its end. Exit code 0 makes its output the result, any other a failure.
pub(crate) async fn run(program: &Program, request: &Json, clock: &SharedClock) -> Result<Json, Failure> {
    let (mut process, pipes) =
        Group::start(command(program)).map_err(|error| not_started(program, &error))?;
    let Some((mut to, from, errors)) = pipes else {
        return Err(Failure::application("ProcessNotStarted", "the process has no standard streams"));
    };
    let mut last_words = LastWords::listen(errors, program);
    let request = request.to_string().into_bytes();
    let write = async move {
        // A program that does not read its input is no fault.
        let _ = to.write_all(&request).await;
    };
    let mut output = Vec::new();
    let mut from = from.take(PAYLOAD_BYTES_MAX as u64 + 1);
    let (read, ()) = tokio::join!(from.read_to_end(&mut output), write);
    if output.len() > PAYLOAD_BYTES_MAX {
        // Nobody reads on: it would wait for that for ever.
        process.kill();
    }
    let status = process.wait().await;
    last_words.complete(clock).await;
    let failed = |why: String| Err(last_words.failure("ProcessFailed", &why));
    if let Err(error) = read {
        return failed(format!("its output cannot be read: {error}"));
    }
    if output.len() > PAYLOAD_BYTES_MAX {
        let message = format!("its output has more than {PAYLOAD_BYTES_MAX} bytes");
        return Err(Failure::application("ResultTooLarge", message).final_());
    }
    match status {
        Err(error) => failed(format!("it cannot be waited for: {error}")),
        Ok(status) if status.success() => result(&output),
        Ok(status) => match failure(&output) {
            Some(failure) => Err(failure),
            None => failed(format!("the process ended with {status}")),
        },
    }
}

fn result(output: &[u8]) -> Result<Json, Failure> {
    if output.trim_ascii().is_empty() {
        return Ok(Json::Null);
    }
    serde_json::from_slice(output).map_err(|error| {
        Failure::application("InvalidResponse", format!("the process's output is not JSON: {error}"))
    })
}

/// What a program that failed says of it: `{"failure": {...}}`.
fn failure(output: &[u8]) -> Option<Failure> {
    let mut said: Json = serde_json::from_slice(output).ok()?;
    said.get_mut("failure").map(Json::take).map(told)
}
