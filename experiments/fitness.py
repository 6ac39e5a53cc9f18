#!/usr/bin/env python3
"""A fitness in another language: one JSON object per line in, one out. See command.toml."""

import json
import sys


def fitness(x):
    """The distance from a point that the search must find."""
    target = [1.0, -2.0, 0.5]
    return sum((a - b) ** 2 for a, b in zip(x, target))


greeting = json.loads(sys.stdin.readline())
print(json.dumps({"protocol": greeting["protocol"], "version": 1}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"id": request["id"], "fitness": fitness(request["genome"])}), flush=True)
