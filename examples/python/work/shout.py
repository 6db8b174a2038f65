"""A program for one attempt: its input on standard input, its result on standard output."""

import json
import sys

task = json.load(sys.stdin)
json.dump(task["input"].upper() + "!", sys.stdout)
