"""The functions on which trajectories are compared, and how reference numbers are written."""

import json

import numpy as np


def sphere(x):
    return float(sum(v * v for v in x))


def ellipsoid(x):
    return float(sum(1e6 ** (i / (len(x) - 1)) * v * v for i, v in enumerate(x)))


def rosenbrock(x):
    return float(sum(100 * (a * a - b) ** 2 + (a - 1) ** 2 for a, b in zip(x, x[1:])))


def lists(x):
    return np.asarray(x, dtype=float).tolist()


def write(name, reference, runs):
    with open(name, "w") as f:
        json.dump({"reference": reference, "runs": runs}, f, separators=(",", ":"))
        f.write("\n")
