"""Calls a server with the client that was generated from its OpenAPI document."""

import sys
from typing import get_args

from client import Client
from client.api.run import run_show
from client.api.workflows_of_judged import judged_echo, judged_patient

client = Client(base_url=sys.argv[1], raise_on_unexpected_status=True)


def body_of(call):
    """The type of a call's body is written in its signature; it may be left out where nothing is required."""
    annotation = call.sync_detailed.__annotations__["body"]
    return next(kind for kind in get_args(annotation) or (annotation,) if hasattr(kind, "from_dict"))


echo = body_of(judged_echo).from_dict(
    {"text": "tea", "count": 3, "ratio": 0.5, "flag": True, "tags": ["a"], "address": {"street": "Main", "zip": None}}
)
answer = judged_echo.sync_detailed(client=client, body=echo, wait="20s")
assert answer.status_code == 200, answer
assert answer.parsed.status == "completed", answer.parsed
output = answer.parsed.output
assert output["text"] == "tea" and output["address"]["street"] == "Main", output

started = judged_patient.sync_detailed(client=client, body=body_of(judged_patient).from_dict({"steps": 1}))
assert started.status_code == 202, started
shown = run_show.sync_detailed(client=client, body=body_of(run_show).from_dict({"run_id": started.parsed.run_id, "wait_ms": 20000}))
assert shown.parsed.output["status"] == "completed", shown

echo.count = 5000
refused = judged_echo.sync_detailed(client=client, body=echo)
assert refused.status_code == 422 and refused.parsed.code == "NX-2001", refused
assert refused.parsed.faults[0].at == "/count", refused
print("generated client: 4 calls: ok")
