"""The Nexus server of the check, over its HTTP interface."""

import asyncio
import json
import os
import signal
import urllib.error
import urllib.request
from typing import Any


class Nexus:
    """Calls its verbs and starts its workflows."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def call(self, verb: str, **given: Any) -> Any:
        """What a verb answers."""
        return (await self._post(f"/v1/operations/{verb}", given))["output"]

    async def start(self, workflow: str, **given: Any) -> str:
        """The id of a new run."""
        return (await self._post(f"/v1/workflows/{workflow}/runs", given))["run_id"]

    async def end(self, run: str) -> dict:
        """How a run ended: its status, and its output or its failure."""
        return await asyncio.to_thread(self._send, f"/v1/runs/{run}?wait=60s", None)

    async def run(self, workflow: str, **given: Any) -> dict:
        """How a new run ended."""
        return await self.end(await self.start(workflow, **given))

    async def operations_of(self, run: str) -> list[dict]:
        """The operations that a run waits for."""
        listed = await self.call("operation.list", namespace="shop")
        return [it for it in listed["operations"] if it["run_id"] == run]

    async def served(self, **wanted: Any) -> list[dict]:
        """The runs of the namespace that others call."""
        return (await self.call("run.list", namespace="bank", limit=100, **wanted))["runs"]

    async def history(self, run: str) -> list[dict]:
        """What happened in a run."""
        return (await self.call("run.history", run_id=run))["events"]

    async def _post(self, path: str, body: Any) -> Any:
        return await asyncio.to_thread(self._send, path, json.dumps(body).encode())

    def _send(self, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(self.url + path, body, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=70) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise AssertionError(f"{path}: {refused.status} {refused.read().decode()}") from None


class Mortal:
    """A Nexus server that may be killed, and comes back where it was."""

    def __init__(self) -> None:
        self.folder = os.environ["MORTAL_PROJECT"]
        self.port = os.environ["MORTAL_PORT"]
        self.process: asyncio.subprocess.Process | None = None

    async def live(self) -> Nexus:
        """Starts it."""
        with open(f"{self.folder}.log", "ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                os.environ["NEXUS_BIN"],
                *("up", "--port", self.port),
                cwd=self.folder,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        # Whoever started this sees to it that it does not outlive them.
        with open(f"{self.folder}.pid", "w") as noted:
            noted.write(str(self.process.pid))
        assert self.process.stdout
        url = (await self.process.stdout.readline()).decode().strip()
        if not url:
            raise AssertionError("the server that was killed does not come back")
        return Nexus(url)

    async def die(self) -> None:
        """Kills it, without a word."""
        if self.process and self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
            await self.process.wait()
