"""Answers tasks of Nexus: one JSON message a line on standard input and output."""

import json
import sys


class Failure(Exception):
    """Ends an attempt with a failure of this type."""

    def __init__(self, type, message, **more):
        super().__init__(message)
        self.told = {"type": type, "message": message, **more}


class Task:
    """One attempt."""

    def __init__(self, message):
        self.input = message["input"]
        self.context = message["context"]

    def say(self, **message):
        print(json.dumps({"token": self.context["token"], **message}), flush=True)

    def heartbeat(self, details=None):
        """Says how far the work has come; gives what the workflow and operators want of it."""
        self.say(heartbeat=details)
        return json.loads(sys.stdin.readline())["heartbeat"]


def word_count(task):
    words = task.input.split()
    if not words:
        raise Failure("EmptyText", "there is nothing to count", non_retryable=True)
    counts = {}
    for number, word in enumerate(words):
        counts[word] = counts.get(word, 0) + 1
        if number % 1000 == 0:
            task.heartbeat(number)
    return counts


def longest(task):
    return max(task.input.split(), key=len, default="")


ACTIVITIES = {"WordCount": word_count, "Longest": longest}


def main():
    for line in sys.stdin:
        task = Task(json.loads(line)["task"])
        try:
            task.say(result=ACTIVITIES[task.context["activity"]](task))
        except Failure as failure:
            task.say(failure=failure.told)
        except Exception as error:
            task.say(failure={"type": type(error).__name__, "message": str(error)})


if __name__ == "__main__":
    main()
