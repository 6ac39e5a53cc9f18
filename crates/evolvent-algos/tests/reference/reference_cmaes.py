"""Writes the reference numbers of the package `cmaes`: cmaes_sep.json (SepCMA), cmaes_xnes.json (XNES).

    pip install cmaes==0.13.1 && python reference_cmaes.py

A trajectory holds, for each generation, what was evaluated and the state after it. SepCMA has its own learning rates; it gets
those of Ros & Hansen 2008 here, and the exact expectation of the norm of a normal vector.
"""

import json
import math
from importlib.metadata import version

import numpy as np
from cmaes import XNES, SepCMA


def ellipsoid(x):
    return float(sum(1e6 ** (i / (len(x) - 1)) * v * v for i, v in enumerate(x)))


def rosenbrock(x):
    return float(sum(100 * (a * a - b) ** 2 + (a - 1) ** 2 for a, b in zip(x, x[1:])))


FUNCTIONS = [("ellipsoid", ellipsoid, 4, 8), ("rosenbrock", rosenbrock, 5, 9)]


def write(name, runs):
    with open(name, "w") as f:
        json.dump({"reference": f"cmaes {version('cmaes')}", "runs": runs}, f, separators=(",", ":"))
        f.write("\n")


def sep():
    runs = []
    for name, f, n, size in FUNCTIONS:
        es = SepCMA(np.full(n, 0.6), 0.3, seed=5, population_size=size)
        m = es._mu_eff
        ccov = (n + 2) / 3 * (
            2 / m / (n + math.sqrt(2)) ** 2 + (1 - 1 / m) * min(1, (2 * m - 1) / ((n + 2) ** 2 + m))
        )
        ccov = min(1, ccov)
        es._c1, es._cmu = ccov / m, ccov * (1 - 1 / m)
        es._chi_n = math.sqrt(2) * math.exp(math.lgamma((n + 1) / 2) - math.lgamma(n / 2))
        steps = []
        for _ in range(8):
            population = [es.ask() for _ in range(size)]
            values = [f(x) for x in population]
            es.tell(list(zip(population, values)))
            steps.append(
                {
                    "population": [x.tolist() for x in population],
                    "values": values,
                    "mean": es._mean.tolist(),
                    "sigma": float(es._sigma),
                    "variances": es._C.tolist(),
                    "path": es._pc.tolist(),
                }
            )
        runs.append({"function": name, "dimension": n, "mean": n * [0.6], "sigma": 0.3, "steps": steps})
    write("cmaes_sep.json", runs)


def xnes():
    runs = []
    for name, f, n, size in FUNCTIONS:
        es = XNES(np.full(n, 0.6), 0.3, seed=7, population_size=size)
        steps = []
        for _ in range(6):
            population = [es.ask() for _ in range(size)]
            inverse = np.linalg.inv(es._sigma * es._B)
            noise = [inverse.dot(x - es._mean).tolist() for x in population]
            values = [f(x) for x in population]
            es.tell(list(zip(population, values)))
            steps.append(
                {
                    "noise": noise,
                    "values": values,
                    "mean": es._mean.tolist(),
                    "sigma": float(es._sigma),
                    "shape": es._B.tolist(),
                }
            )
        runs.append({"function": name, "dimension": n, "mean": n * [0.6], "sigma": 0.3, "steps": steps})
    write("cmaes_xnes.json", runs)


sep()
xnes()
