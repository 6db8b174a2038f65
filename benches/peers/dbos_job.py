"""The job on DBOS with SQLite: a library in the process of its callers, which are threads."""

import os
import statistics
import threading
import time

from dbos import DBOS

DBOS(config={"name": "peer", "system_database_url": "sqlite:///dbos.sqlite"})
LINES = open("dbos-lines", "ab", buffering=0)


@DBOS.step()
def step(n: int) -> int:
    os.write(LINES.fileno(), b"%d\n" % n)
    return n + 1


@DBOS.workflow()
def three(n: int) -> int:
    return step(step(step(n)))


def caller(count: int, waits: list) -> None:
    for _ in range(count):
        began = time.perf_counter()
        assert three(1) == 4
        waits.append(time.perf_counter() - began)


def load(callers: int, runs: int) -> list:
    waits: list = []
    threads = [threading.Thread(target=caller, args=(runs // callers, waits)) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits


DBOS.launch()
print("# DBOS with SQLite, as it comes (its own journal and synchronous modes), in the process of its callers", flush=True)
load(1, 20)
for callers, runs in [(1, 200), (8, 400), (64, 640)]:
    began = time.perf_counter()
    waits = sorted(load(callers, runs))
    rate = len(waits) / (time.perf_counter() - began)
    p50, p99 = statistics.median(waits) * 1e3, waits[int(len(waits) * 0.99) - 1] * 1e3
    print(f"{callers}\t{rate:.1f}\t{p50:.2f}\t{p99:.2f}", flush=True)
DBOS.destroy()
