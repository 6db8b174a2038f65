"""Reads what a server told of itself with the readers of others."""

import json
import sys
import time

from prometheus_client.openmetrics.parser import text_string_to_metric_families as strict
from prometheus_client.parser import text_string_to_metric_families as plain

open_page, plain_page, log, spans = sys.argv[1:]
families = {family.name: family for family in strict(open(open_page, encoding="utf-8").read())}
calls = {
    (sample.labels["workflow"], sample.labels["status"]): sample.value
    for sample in families["nexus_requests"].samples
    if sample.name == "nexus_requests_total"
}
assert calls[("Take", "ok")] == 3, calls
assert any(workflow == "_other" for workflow, _ in calls), calls
older = {sample.name for family in plain(open(plain_page, encoding="utf-8").read()) for sample in family.samples}
assert "nexus_requests_total" in older and "process_resident_memory_bytes" in older
print(f"prometheus_client: {len(families)} families, strictly read: ok")

lines = [json.loads(line) for line in open(log, encoding="utf-8") if line.startswith("{")]
assert sum(line["message"] == "call" for line in lines) == 4, lines
assert all(len(line["trace_id"]) == 32 for line in lines if line["message"] == "call")
for _ in range(300):
    try:
        told = open(spans, encoding="utf-8").read().splitlines()
    except FileNotFoundError:
        told = []
    if told.count("/v1/traces run Take") == 3:
        break
    time.sleep(0.1)
assert told.count("/v1/traces Take") == 3 and told.count("/v1/traces run Take") == 3, told
print(f"opentelemetry-proto: {len(told)} spans, read as the published messages: ok")
