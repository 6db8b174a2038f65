"""What the Temporal server serves in this check: a Nexus service, the workflows behind it, and a workflow that calls others."""

import asyncio
from datetime import timedelta
from typing import Any

import nexusrpc
import nexusrpc.handler
from temporalio import nexus, workflow
from temporalio.exceptions import ApplicationError, NexusOperationError


@nexusrpc.service
class Greeter:
    Hello: nexusrpc.Operation[str, str]
    Echo: nexusrpc.Operation[Any, Any]
    Bytes: nexusrpc.Operation[int, bytes]
    Length: nexusrpc.Operation[bytes, int]
    Refuse: nexusrpc.Operation[str, str]
    Decline: nexusrpc.Operation[str, str]
    Work: nexusrpc.Operation[int, str]
    Break: nexusrpc.Operation[str, str]


@workflow.defn(sandboxed=False, failure_exception_types=[Exception])
class Working:
    @workflow.run
    async def run(self, seconds: int) -> str:
        await asyncio.sleep(seconds)
        return f"worked for {seconds} s"


@workflow.defn(sandboxed=False, failure_exception_types=[Exception])
class Breaking:
    @workflow.run
    async def run(self, what: str) -> str:
        raise ApplicationError(f"{what} is broken", {"left": 3}, type="Broken", non_retryable=True)


@nexusrpc.handler.service_handler(service=Greeter)
class GreeterHandler:
    @nexusrpc.handler.sync_operation
    async def Hello(self, ctx: nexusrpc.handler.StartOperationContext, name: str) -> str:
        return f"Hello, {name}!"

    @nexusrpc.handler.sync_operation
    async def Echo(self, ctx: nexusrpc.handler.StartOperationContext, value: Any) -> Any:
        return value

    @nexusrpc.handler.sync_operation
    async def Bytes(self, ctx: nexusrpc.handler.StartOperationContext, count: int) -> bytes:
        return bytes(range(count))

    @nexusrpc.handler.sync_operation
    async def Length(self, ctx: nexusrpc.handler.StartOperationContext, value: bytes) -> int:
        return len(value)

    @nexusrpc.handler.sync_operation
    async def Refuse(self, ctx: nexusrpc.handler.StartOperationContext, what: str) -> str:
        raise nexusrpc.HandlerError(f"{what} makes no sense", type=nexusrpc.HandlerErrorType.BAD_REQUEST)

    @nexusrpc.handler.sync_operation
    async def Decline(self, ctx: nexusrpc.handler.StartOperationContext, what: str) -> str:
        raise nexusrpc.OperationError(
            f"{what} is declined", state=nexusrpc.OperationErrorState.FAILED
        ) from ApplicationError("no funds", {"left": 3}, type="NoFunds", non_retryable=True)

    @nexus.workflow_run_operation
    async def Work(self, ctx: nexus.WorkflowRunOperationContext, seconds: int) -> nexus.WorkflowHandle[str]:
        return await ctx.start_workflow(Working.run, seconds, id=f"working-{ctx.request_id}")

    @nexus.workflow_run_operation
    async def Break(self, ctx: nexus.WorkflowRunOperationContext, what: str) -> nexus.WorkflowHandle[str]:
        return await ctx.start_workflow(Breaking.run, what, id=f"breaking-{ctx.request_id}")


def told(error: BaseException | None) -> list[dict]:
    """An error and its causes, as far as a caller can read them."""
    found = []
    while error is not None:
        one = {"kind": type(error).__name__, "message": getattr(error, "message", str(error))}
        for name in ("type", "details", "retryable"):
            if hasattr(error, name):
                value = getattr(error, name)
                one[name] = list(value) if isinstance(value, tuple) else getattr(value, "name", value)
        found.append(one)
        error = error.__cause__
    return found


@workflow.defn(sandboxed=False, failure_exception_types=[Exception])
class Call:
    """Calls one operation and returns what came of it."""

    @workflow.run
    async def run(self, call: dict) -> dict:
        client = workflow.create_nexus_client(service=call.get("service", "Payments"), endpoint=call["endpoint"])
        timeout = call.get("timeout")
        count = call.get("count_of_bytes")
        made = {"token": None}
        try:
            handle = await client.start_operation(
                call["operation"],
                bytes(range(count)) if count else call.get("input"),
                output_type=bytes if count else None,
                schedule_to_close_timeout=timedelta(seconds=timeout) if timeout else None,
            )
            made["token"] = handle.operation_token
            if call.get("cancel"):
                handle.cancel()
            result = await handle
            made["result"] = list(result) if count else result
        except NexusOperationError as error:
            made["errors"] = told(error)
        return made
