"""What Temporal serves in this measurement: an operation that answers at once, and one that a workflow carries out."""

import asyncio
import sys

import nexusrpc
import nexusrpc.handler
from temporalio import nexus, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker


@nexusrpc.service
class Bank:
    Hello: nexusrpc.Operation[str, str]
    Greet: nexusrpc.Operation[str, str]


@workflow.defn
class Greeting:
    @workflow.run
    async def run(self, name: str) -> str:
        return f"hello {name}"


@nexusrpc.handler.service_handler(service=Bank)
class BankHandler:
    @nexusrpc.handler.sync_operation
    async def Hello(self, ctx: nexusrpc.handler.StartOperationContext, name: str) -> str:
        return f"hello {name}"

    @nexus.workflow_run_operation
    async def Greet(self, ctx: nexus.WorkflowRunOperationContext, name: str) -> nexus.WorkflowHandle[str]:
        return await ctx.start_workflow(Greeting.run, name, id=f"greeting-{ctx.request_id}")


async def main() -> None:
    client = await Client.connect(sys.argv[1])
    await Worker(
        client,
        task_queue="bank",
        workflows=[Greeting],
        nexus_service_handlers=[BankHandler()],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_workflow_tasks=200,
        max_concurrent_nexus_tasks=200,
    ).run()


asyncio.run(main())
