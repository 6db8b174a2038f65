//! Keywords: what each does and how it is written.

/// What a keyword does, with an example of how it is written.
pub(in crate::ide) fn keyword(word: &str) -> Option<(&'static str, &'static str)> {
    definition(word).or_else(|| statement(word)).or_else(|| control(word))
}

/// The meaning of a keyword in one line, for lists.
pub(in crate::ide) fn sentence(word: &str) -> &'static str {
    keyword(word).map_or("", |(_, meaning)| meaning)
}

fn definition(word: &str) -> Option<(&'static str, &'static str)> {
    Some(match word {
        "package" => {
            ("package orders", "The package of the file: files of one folder and package see each other.")
        }
        "import" => (
            "import \"shop/payments\"",
            "Brings the names of another package in, behind its last part or an alias.",
        ),
        "workflow" => (
            "workflow W(a) -> r",
            "A durable program: defines one, or calls one as a child and waits for its result.",
        ),
        "activity" => (
            "activity A(a) -> r",
            "Work with effects, retried until it is done: declares it, or calls it and waits.",
        ),
        "worker" => ("worker W:", "A set of workflows, activities and services that run together."),
        "namespace" => {
            ("namespace N:", "Where workers and endpoints are deployed, with executions of its own.")
        }
        "nexus" => (
            "nexus Endpoint Service.Operation(a) -> r",
            "Calls an operation of another namespace through an endpoint; also begins services and endpoints.",
        ),
        "service" => ("nexus service S:", "A set of operations that other namespaces can call."),
        "endpoint" => ("nexus endpoint E", "A cluster-wide name for the services behind a task queue."),
        "async" => {
            ("async Charge workflow ChargeCard", "An operation that lives as long as the workflow behind it.")
        }
        "sync" => ("sync Lookup(id: string) -> (Order):", "An operation whose body answers within the call."),
        "type" => ("type Order:", "A type with its fields."),
        "signal" => (
            "signal Paid(ref: string):",
            "A message without an answer: declares its handler, awaits it, or sends it.",
        ),
        "query" => ("query Status() -> (string):", "A question that is answered without changing anything."),
        "update" => ("update Add(item: Item) -> (int):", "A message whose sender waits for the answer."),
        "validator" => ("validator:", "Runs before an update is accepted; `reject` refuses it."),
        "state" => ("state:", "Conditions and first values of variables."),
        "condition" => ("condition paid", "A truth value that statements can wait for; false at first."),
        "options" => ("options:", "Options of the call, handler, worker or endpoint above."),
        "default_options" => {
            ("default_options:", "Options of every call of this definition, unless the call says otherwise.")
        }
        "on_cancel" => ("on_cancel:", "Runs when somebody cancels the run: the place to give things back."),
        "task_queue" => ("task_queue: \"orders\"", "The queue that work is put into and taken from."),
        _ => return None,
    })
}

fn statement(word: &str) -> Option<(&'static str, &'static str)> {
    Some(match word {
        "await" => {
            ("await TARGET -> r", "Waits for a timer, message, call, promise, condition or expression.")
        }
        "all" => ("await all:", "Runs every statement under it at the same time and waits for all of them."),
        "one" => ("await one:", "Starts every case and goes on with the first that is done."),
        "timer" => ("await timer(5m)", "Is done after so much time; survives restarts."),
        "promise" => (
            "promise p <- activity A(a)",
            "Starts something without waiting for it; `await p` takes the result.",
        ),
        "detach" => {
            ("detach workflow W(a)", "Starts something and never waits for its result; it outlives this run.")
        }
        "set" => ("set paid", "Makes a condition true and wakes what waits for it."),
        "unset" => ("unset paid", "Makes a condition false."),
        "cancel" => ("cancel p", "Asks what a promise stands for to stop."),
        "external" => {
            ("signal external W(id).Paid(ref)", "A run that is known by its id and not by a promise.")
        }
        "close" => {
            ("close complete(result)", "Ends the run at once: with a result, a failure, or as a new run.")
        }
        "complete" => ("close complete(result)", "Ends the run with a result."),
        "fail" => (
            "close fail(reason)",
            "Ends the run with a failure; in `await one`, the case for a failed operation.",
        ),
        "continue_as_new" => {
            ("close continue_as_new(args)", "Ends the run and starts it afresh, with an empty history.")
        }
        "return" => {
            ("return value", "Answers a query, update or operation; in a workflow, completes the run.")
        }
        "raise" => ("raise OutOfStock(\"none left\")", "Fails with an error of this type."),
        "reject" => ("reject \"too late\"", "Refuses an update before it is accepted."),
        "heartbeat" => ("heartbeat(progress: n)", "Says that the activity is alive and how far it is."),
        "all_handlers_finished" => {
            ("await all_handlers_finished", "Waits until no message handler runs any more.")
        }
        "pass" => ("pass", "Does nothing."),
        _ => return None,
    })
}

fn control(word: &str) -> Option<(&'static str, &'static str)> {
    Some(match word {
        "if" => ("if (condition):", "Runs the block when the condition holds."),
        "elif" => ("elif (condition):", "Another condition, tried when those above do not hold."),
        "else" => ("else:", "Runs when nothing above fits."),
        "for" => ("for (x in items):", "Repeats: for each element, while a condition holds, or for ever."),
        "in" => ("x in items", "Whether something contains the value; in `for`, what the loop goes over."),
        "switch" => ("switch (value):", "Runs the case that equals the value."),
        "case" => ("case \"approved\":", "A value of a `switch` and what runs for it."),
        "break" => ("break", "Leaves the loop."),
        "continue" => ("continue", "Goes on with the next round of the loop."),
        "try" => ("try:", "Runs the block; a failure in it goes to `catch`."),
        "catch" => ("catch e:", "Takes the failure of the `try` above."),
        "finally" => ("finally:", "Runs whether or not the block above failed."),
        "and" => ("a and b", "Whether both hold; the second is not looked at when the first does not."),
        "or" => ("a or b", "Whether one holds; the second is not looked at when the first does."),
        "not" => ("not a", "The opposite."),
        "true" | "false" => ("true", "A truth value."),
        "null" => ("null", "No value."),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twf::token::KEYWORDS;

    #[test]
    fn every_keyword_is_explained() {
        let silent: Vec<_> = KEYWORDS.iter().filter(|word| keyword(word).is_none()).collect();
        assert_eq!(silent, [&"as"], "`as` is kept for later versions and means nothing yet");
    }
}
