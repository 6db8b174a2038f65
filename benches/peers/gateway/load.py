"""Loads one server with 64 callers and prints its processor time per request and what the callers saw.

Usage: load.py NAME PID URL KIND
"""

import http.client
import json
import os
import sys
import threading
import time
from urllib.parse import urlparse

name, pid, url, kind = sys.argv[1], int(sys.argv[2]), urlparse(sys.argv[3]), sys.argv[4]
CALLERS = 64
SECONDS = 5.0
TICKS = os.sysconf("SC_CLK_TCK")


def body(count):
    if kind == "get":
        return None
    if kind == "verb":
        return {}
    if kind.startswith("execute"):
        # The original gives a stored answer to a repeated input, so that every input is another one.
        return {"inputs": {"name": f"Ada {count}"}}
    tool, arguments = ("workflow_list", {}) if kind == "mcp-verb" else ("Greet", {"name": f"Ada {count}"})
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


HEADERS = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": "2025-06-18",
}


def used():
    """Processor time of the server and its children so far, in seconds."""
    total = 0
    pids = {pid}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = open(f"/proc/{entry}/stat").read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(entry) in pids or int(fields[1]) in pids:
            pids.add(int(entry))
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def ask(connection, count):
    data = body(count)
    connection.request("GET" if data is None else "POST", url.path, None if data is None else json.dumps(data), HEADERS)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200 or b'"isError":true' in text:
        raise SystemExit(f"{name}: {answer.status} {text[:300]!r}")


def caller(number, ends, latencies):
    connection = http.client.HTTPConnection(url.hostname, url.port)
    count = number * 10_000_000
    while time.monotonic() < ends:
        count += 1
        began = time.monotonic()
        ask(connection, count)
        latencies.append(time.monotonic() - began)


warm = http.client.HTTPConnection(url.hostname, url.port)
for count in range(50):
    ask(warm, -count - 1)
before, began = used(), time.monotonic()
results = [[] for _ in range(CALLERS)]
threads = [threading.Thread(target=caller, args=(n, began + SECONDS, results[n])) for n in range(CALLERS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
spent = used() - before
all_of_them = sorted(latency for result in results for latency in result)
count = len(all_of_them)
p50, p99 = (all_of_them[int(share * (count - 1))] * 1000 for share in (0.5, 0.99))
rate = count / (time.monotonic() - began)
print(f"{name:<34} {spent / count * 1e6:>9.0f} us CPU/request  {rate:>7.0f}/s  p50 {p50:>7.1f} ms  p99 {p99:>7.1f} ms", flush=True)
