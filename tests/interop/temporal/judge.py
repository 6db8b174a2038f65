"""Has a Nexus server and a Temporal server call each other's operations, and judges what comes of it: one line a case."""

import asyncio
import base64
import json
import logging
import os
import sys
import traceback
import urllib.parse
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import proxy
import services
from nexus_server import Mortal, Nexus
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.worker import Worker

# Of one case; the slowest waits for a request that nobody takes.
CASE_SECONDS = 120

# The kind of links to what happened in workflows of Temporal.
LINK = "temporal.api.common.v1.Link.WorkflowEvent"

Case = Callable[["Both"], Awaitable[None]]
cases: list[tuple[str, Case]] = []


def case(words: str) -> Callable[[Case], Case]:
    """Adds a case, which is what these words say."""

    def add(judge: Case) -> Case:
        cases.append((words, judge))
        return judge

    return add


def same(found: Any, expected: Any) -> None:
    """Judges what was found."""
    if found != expected:
        raise AssertionError(f"{json.dumps(found, default=str)} is not {json.dumps(expected, default=str)}")


def within(found: str, expected: str) -> None:
    """Judges what a text has in it."""
    if expected not in found:
        raise AssertionError(f"{expected} is not in {found}")


def has(found: Any, **expected: Any) -> None:
    """Judges a part of what was found."""
    for name, value in expected.items():
        if found.get(name) != value:
            raise AssertionError(f"{name} is not {value!r} in {json.dumps(found, default=str)}")


def causes(failure: dict | None) -> list[dict]:
    """A failure of a Nexus run, and what caused it."""
    found = []
    while failure:
        found.append(failure)
        failure = failure.get("cause")
    return found


def caused_by(failure: dict | None, **expected: Any) -> None:
    """Judges that one of a failure's causes is this."""
    if not any(all(it.get(name) == value for name, value in expected.items()) for it in causes(failure)):
        raise AssertionError(f"nothing is {expected} in {json.dumps(failure)}")


class Both:
    """The two servers."""

    def __init__(self, nexus: Nexus, temporal: Client) -> None:
        self.nexus = nexus
        self.temporal = temporal

    async def start(self, operation: str, given: Any = None, endpoint: str = "bank", **more: Any) -> Any:
        """A workflow of Temporal that calls an operation of Nexus."""
        call = {"endpoint": endpoint, "operation": operation, "input": given, **more}
        return await self.temporal.start_workflow(
            services.Call.run, call, id=f"call-{uuid.uuid4()}", task_queue="calls"
        )

    async def call(self, operation: str, given: Any = None, endpoint: str = "bank", **more: Any) -> dict:
        """What came of it."""
        return await (await self.start(operation, given, endpoint, **more)).result()

    async def served(self, token: str) -> dict:
        """The Nexus run behind the token of an operation, once it has ended."""
        key = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return await self.nexus.call("run.show", workflow_id=key["wid"], namespace=key["ns"], wait_ms=20_000)

    async def until(self, what: str, found: Callable[[], Awaitable[Any]]) -> Any:
        """Waits for something that no server tells of by itself."""
        for _ in range(CASE_SECONDS * 5):
            if it := await found():
                return it
            await asyncio.sleep(0.2)
        raise AssertionError(f"waited in vain: {what}")

    async def events(self, workflow_id: str) -> list[str]:
        """The kinds of the Nexus events of a workflow of Temporal."""
        history = await self.temporal.get_workflow_handle(workflow_id).fetch_history()
        kinds = [EventType.Name(event.event_type) for event in history.events]
        return [kind.removeprefix("EVENT_TYPE_NEXUS_OPERATION_") for kind in kinds if "NEXUS" in kind]

    async def working(self, run: str) -> Any:
        """The workflow of Temporal that carries out the operation that a run of Nexus waits for."""
        operation = await self.until("the operation is started", lambda: self._started(run))
        token = operation["token"]
        key = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return self.temporal.get_workflow_handle(key["wid"])

    async def _started(self, run: str) -> dict | None:
        return next((it for it in await self.nexus.operations_of(run) if it["state"] == "started"), None)


# --- Temporal calls Nexus


@case("temporal calls nexus: a result at once")
async def _(both: Both) -> None:
    has(await both.call("Quote", 5), token=None, result={"fee": "10", "for": "default"})


@case("temporal calls nexus: every value of JSON comes back, a large one and null among them")
async def _(both: Both) -> None:
    for value in ["text", True, [1, None, {"a": []}], {"a": {"b": "ä🦀"}}, "x" * 200_000, None]:
        has(await both.call("Echo", value), result=value)


@case("temporal calls nexus: bytes come back")
async def _(both: Both) -> None:
    has(await both.call("Echo", count_of_bytes=256), result=list(range(256)))


@case("temporal calls nexus: a failure at once, with its type, words and details")
async def _(both: Both) -> None:
    made = await both.call("Quote", -5)
    same([it["kind"] for it in made["errors"]], ["NexusOperationError", "ApplicationError"])
    has(made["errors"][1], type="InvalidAmount", message="must be positive", details=[{"left": 3}])


@case("temporal calls nexus: a result that comes later, by completion")
async def _(both: Both) -> None:
    handle = await both.start("Process", 7)
    made = await handle.result()
    has(made, result="paid 7")
    run = await both.served(made["token"])
    has(run, status="completed", workflow="Pay")
    same(await both.events(handle.id), ["SCHEDULED", "STARTED", "COMPLETED"])
    started_by = (await both.nexus.history(run["run_id"]))[0]["operation"]["links"][0]
    has(started_by, type=LINK)
    within(started_by["url"], handle.id)


@case("temporal calls nexus: a failure that comes later, by completion")
async def _(both: Both) -> None:
    made = await both.call("Break", 7)
    has(await both.served(made["token"]), status="failed")
    same([it["kind"] for it in made["errors"]], ["NexusOperationError", "ApplicationError"])
    has(made["errors"][1], type="NoFunds", message="the account is empty", details=[{"left": 3}])


@case("temporal calls nexus: a cancelled operation is cancelled on both sides")
async def _(both: Both) -> None:
    handle = await both.start("Wait", 7, cancel=True)
    made = await handle.result()
    has(await both.served(made["token"]), status="canceled")
    same([it["kind"] for it in made["errors"][:2]], ["NexusOperationError", "CancelledError"])
    # The answer to the wish may come after what it has led to.
    events = [it for it in await both.events(handle.id) if it != "CANCEL_REQUEST_COMPLETED"]
    same(events, ["SCHEDULED", "STARTED", "CANCEL_REQUESTED", "CANCELED"])


@case("temporal calls nexus: an unknown operation is not found, and is not tried again")
async def _(both: Both) -> None:
    handle = await both.start("Nothing")
    has((await handle.result())["errors"][1], kind="HandlerError", type="NOT_FOUND", retryable=False)
    same(await both.events(handle.id), ["SCHEDULED", "FAILED"])


@case("temporal calls nexus: an unknown endpoint is not found, and is not tried again")
async def _(both: Both) -> None:
    made = await both.call("Quote", 5, endpoint="nowhere")
    has(made["errors"][1], kind="HandlerError", type="NOT_FOUND", retryable=False)


@case("temporal calls nexus: a caller that is not allowed is refused, is not tried again, and starts nothing")
async def _(both: Both) -> None:
    made = await both.call("Process", 81, endpoint="private")
    has(made["errors"][1], kind="HandlerError", type="UNAUTHORIZED", retryable=False)
    runs = await both.nexus.served(workflow="Pay")
    shown = [await both.nexus.call("run.show", run_id=run["run_id"]) for run in runs]
    same([run["run_id"] for run in shown if run["input"] in (81, {"amount": 81})], [])


@case("temporal calls nexus: an input that does not fit is a bad request, and is not tried again")
async def _(both: Both) -> None:
    made = await both.call("Quote", {"much": True})
    has(made["errors"][1], kind="HandlerError", type="BAD_REQUEST", retryable=False)


@case("temporal calls nexus: an operation that is too slow for its request is promised, and completed later")
async def _(both: Both) -> None:
    made = await both.call("Slow", 11)
    has(made, result="done")
    has(await both.served(made["token"]), status="completed", workflow="Payments.Slow")


@case("temporal calls nexus: an operation out of time ends on both sides")
async def _(both: Both) -> None:
    made = await both.call("Wait", 20, timeout=6)
    has(made["errors"][1], kind="TimeoutError", type="SCHEDULE_TO_CLOSE")
    has(await both.served(made["token"]), status="timed_out")


@case("temporal calls nexus: an operation whose first answer is lost is started once")
async def _(both: Both) -> None:
    handle = await both.start("Process", 82, endpoint="bank-losing")
    await both.until("it is tried again", lambda: _tried_again(both, handle))
    made = await handle.result()
    has(made, result="paid 82")
    run = await both.served(made["token"])
    runs = await both.nexus.served(filter=f"WorkflowId = '{run['workflow_id']}'")
    same([it["run_id"] for it in runs], [run["run_id"]])


async def _tried_again(both: Both, handle: Any) -> bool:
    described = await handle.describe()
    pending = described.raw_description.pending_nexus_operations
    return described.status != WorkflowExecutionStatus.RUNNING or any(it.attempt > 1 for it in pending)


@case("temporal calls nexus: a completion overtakes the answer to its start")
async def _(both: Both) -> None:
    handle = await both.start("Process", 83, endpoint="bank-holding")
    has(await handle.result(), result="paid 83")
    same(await both.events(handle.id), ["SCHEDULED", "STARTED", "COMPLETED"])


# --- Nexus calls Temporal


@case("nexus calls temporal: a result at once")
async def _(both: Both) -> None:
    has(await both.nexus.run("Greet", name="Ann"), status="completed", result="Hello, Ann!")


@case("nexus calls temporal: every value of JSON comes back, a large one and null among them")
async def _(both: Both) -> None:
    for value in ["text", True, [1, None, {"a": []}], {"a": {"b": "ä🦀"}}, "x" * 200_000, None]:
        has(await both.nexus.run("Echo", value=value), status="completed", result=value)


@case("nexus calls temporal: bytes are carried from one operation to another")
async def _(both: Both) -> None:
    has(await both.nexus.run("Carry", count=256), status="completed", result=256)


@case("nexus calls temporal: a result that comes later, by completion")
async def _(both: Both) -> None:
    run = await both.nexus.start("Work", seconds=2)
    working = await both.working(run)
    carried_out_by = (await both.nexus.operations_of(run))[0]["links"][0]
    has(carried_out_by, type=LINK)
    within(carried_out_by["url"], urllib.parse.quote(working.id, safe=""))
    has(await both.nexus.end(run), status="completed", result="worked for 2 s")
    same((await working.describe()).status, WorkflowExecutionStatus.COMPLETED)


@case("nexus calls temporal: an operation is started, others are called, and it is awaited")
async def _(both: Both) -> None:
    ended = await both.nexus.run("Spawn", seconds=1)
    has(ended, status="completed", result=["Hello, Ann!", "worked for 1 s"])


@case("nexus calls temporal: a detached operation is carried out when its caller is gone")
async def _(both: Both) -> None:
    seconds = 4
    has(await both.nexus.run("Detach", seconds=seconds), status="completed", result="left")
    await both.until("it is carried out", lambda: _worked(both, seconds))


async def _worked(both: Both, seconds: int) -> bool:
    async for found in both.temporal.list_workflows("WorkflowType = 'Working' AND ExecutionStatus = 'Completed'"):
        if await both.temporal.get_workflow_handle(found.id).result() == f"worked for {seconds} s":
            return True
    return False


@case("nexus calls temporal: a failed operation, with the type, words and details of its cause")
async def _(both: Both) -> None:
    ended = await both.nexus.run("Decline", what="card")
    has(ended, status="failed")
    has(ended["failure"], type="NexusOperationError")
    caused_by(ended["failure"], message="card is declined")
    caused_by(ended["failure"], type="NoFunds", message="no funds", details=[{"left": 3}])


@case("nexus calls temporal: a failure that comes later, by completion")
async def _(both: Both) -> None:
    ended = await both.nexus.run("Break", what="cup")
    has(ended, status="failed")
    has(ended["failure"], type="NexusOperationError")
    caused_by(ended["failure"], type="Broken", message="cup is broken", details=[{"left": 3}])


@case("nexus calls temporal: a request that the handler refuses is not tried again")
async def _(both: Both) -> None:
    ended = await both.nexus.run("Refuse", what="card")
    has(ended, status="failed")
    caused_by(ended["failure"], type="BAD_REQUEST", message="card makes no sense")


@case("nexus calls temporal: an unknown operation is not found, and is not tried again")
async def _(both: Both) -> None:
    ended = await both.nexus.run("Unknown", what="card")
    has(ended, status="failed")
    has(ended["failure"], type="NexusNotFoundError")


@case("nexus calls temporal: a run that is cancelled cancels its operation")
async def _(both: Both) -> None:
    run = await both.nexus.start("Work", seconds=600)
    working = await both.working(run)
    await both.nexus.call("run.cancel", run_id=run)
    has(await both.nexus.end(run), status="canceled")
    same((await _closed(both, working)).status, WorkflowExecutionStatus.CANCELED)


@case("nexus calls temporal: an operation that an operator cancels ends as cancelled for its caller")
async def _(both: Both) -> None:
    run = await both.nexus.start("Work", seconds=600)
    working = await both.working(run)
    operation = (await both.nexus.operations_of(run))[0]
    await both.nexus.call("operation.cancel", operation_id=operation["operation_id"])
    ended = await both.nexus.end(run)
    has(ended["failure"], type="NexusCancelledError")
    same((await _closed(both, working)).status, WorkflowExecutionStatus.CANCELED)


@case("nexus calls temporal: an operation out of time ends on both sides")
async def _(both: Both) -> None:
    run = await both.nexus.start("Impatient", seconds=600)
    working = await both.working(run)
    ended = await both.nexus.end(run)
    has(ended["failure"], type="NexusTimeoutError")
    same((await _closed(both, working)).status, WorkflowExecutionStatus.CANCELED)


async def _closed(both: Both, working: Any) -> Any:
    async def closed() -> Any:
        described = await working.describe()
        return described if described.status != WorkflowExecutionStatus.RUNNING else None

    return await both.until("the workflow ends", closed)


@case("nexus calls temporal: with no worker there it tries again, says so, and ends once a worker has come")
async def _(both: Both) -> None:
    never = await both.nexus.start("Never", name="Ann")
    run = await both.nexus.start("Late", name="Ann")
    operation = await both.until("it is to be tried again", lambda: _backing_off(both, run))
    has(operation["last_failure"], type="UPSTREAM_TIMEOUT")
    has((await both.nexus.end(never))["failure"], type="NexusTimeoutError")
    late = Worker(both.temporal, task_queue="late", nexus_service_handlers=[services.GreeterHandler()])
    async with late:
        has(await both.nexus.end(run), status="completed", result="Hello, Ann!")


async def _backing_off(both: Both, run: str) -> dict | None:
    found = await both.nexus.operations_of(run)
    return next((it for it in found if it["attempt"] > 1), None)


@case("nexus calls temporal: an operation whose first answer is lost is started once")
async def _(both: Both) -> None:
    run = await both.nexus.start("Lost", seconds=3)
    working = await both.working(run)
    has(await both.nexus.end(run), status="completed", result="worked for 3 s")
    same(working.id.startswith("working-"), True)
    found = both.temporal.list_workflows("WorkflowType = 'Working'")
    ids = [it.id async for it in found]
    results = [it for it in ids if await _inputs(both, it) == [3]]
    same(results, [working.id])


async def _inputs(both: Both, workflow_id: str) -> list[Any]:
    history = await both.temporal.get_workflow_handle(workflow_id).fetch_history()
    given = history.events[0].workflow_execution_started_event_attributes.input.payloads
    return [json.loads(payload.data) for payload in given]


@case("nexus calls temporal: a completion overtakes the answer to its start")
async def _(both: Both) -> None:
    has(await both.nexus.run("Held", seconds=1), status="completed", result="worked for 1 s")


# --- both


@case("a nexus server that is killed hears of what ended meanwhile, and tells of what it had promised")
async def _(both: Both) -> None:
    mortal = Mortal()
    try:
        before = Both(await mortal.live(), both.temporal)
        run = await before.nexus.start("Work", seconds=2)
        working = await before.working(run)
        handle = await both.start("Process", 84, endpoint="bank-mortal")
        await both.until("it is promised", lambda: _promised(both, handle))
        await mortal.die()
        same((await _closed(both, working)).status, WorkflowExecutionStatus.COMPLETED)
        after = Both(await mortal.live(), both.temporal)
        has(await after.nexus.end(run), status="completed", result="worked for 2 s")
        has(await handle.result(), result="paid 84")
    finally:
        await mortal.die()


async def _promised(both: Both, handle: Any) -> bool:
    return "STARTED" in await both.events(handle.id)


# --- what a judge does


async def judged(both: Both, words: str, judge: Case) -> bool:
    """Whether a case is as it says."""
    try:
        await asyncio.wait_for(judge(both), CASE_SECONDS)
        print(f"{words}: ok", flush=True)
        return True
    except Exception:
        print(f"{words}: failed\n{traceback.format_exc(limit=-2)}", file=sys.stderr, flush=True)
        return False


async def main() -> int:
    """Judges all cases at once, or those whose words have what is wanted in them."""
    logging.basicConfig(filename=os.environ["JUDGE_LOG"])
    proxy.serve(int(os.environ["PROXY_PORT"]))
    both = Both(Nexus(os.environ["NEXUS_URL"]), await Client.connect(os.environ["TEMPORAL_ADDRESS"]))
    greeting = Worker(
        both.temporal,
        task_queue="greet",
        workflows=[services.Working, services.Breaking],
        nexus_service_handlers=[services.GreeterHandler()],
    )
    calling = Worker(both.temporal, task_queue="calls", workflows=[services.Call])
    wanted = [it for it in cases if all(word in it[0] for word in sys.argv[1:])]
    async with greeting, calling:
        passed = await asyncio.gather(*(judged(both, words, judge) for words, judge in wanted))
    return 0 if passed and all(passed) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
