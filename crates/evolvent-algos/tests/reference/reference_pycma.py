"""Writes the reference numbers of CMA-ES: cma_rates.json, cma_bounds.json, cma_trajectory.json.

    pip install cma==4.5.0 && python reference_pycma.py

A trajectory holds, for each generation, the population that was evaluated and the state after it, so that a test can tell
the same population to another implementation. pycma spreads the first eigenvalues by a factor of 1 + 1e-4; here they start
equal.
"""

import json

import cma
import numpy as np
from cma.transformations import BoxConstraintsLinQuadTransformation

SOURCE = f"pycma {cma.__version__.split()[0]}"


def write(name, **content):
    with open(name, "w") as f:
        json.dump({"reference": SOURCE, **content}, f, separators=(",", ":"))
        f.write("\n")


def rates():
    cases = []
    for n, popsize in [(2, 6), (5, 8), (20, 12), (20, 200), (100, 17), (5, 64)]:
        es = cma.CMAEvolutionStrategy(n * [1.0], 1.0, {"verbose": -9, "popsize": popsize, "CMA_mirrors": 0})
        es.adapt_sigma.initialize(es)
        p = es.sm.parameters()
        cases.append(
            {
                "dimension": n,
                "population_size": popsize,
                "mu": es.sp.weights.mu,
                "mueff": es.sp.weights.mueff,
                "cc": es.sp.cc,
                "c1": p["c1"],
                "cmu": p["cmu"],
                "cs": es.adapt_sigma.cs,
                "damps": es.adapt_sigma.damps,
                "chiN": cma.utilities.math.Mh.chiN(n),
                "weights": list(es.sp.weights),
            }
        )
    write("cma_rates.json", cases=cases)


def bounds():
    rng = np.random.default_rng(1)
    cases = []
    for low, high in [([-1.0, 0.0, 2.0], [3.0, 0.01, 100.0]), ([-50.0, -2.0, -1e-3], [-49.0, 2.0, 1e-3])]:
        tf = BoxConstraintsLinQuadTransformation([list(pair) for pair in zip(low, high)])
        pairs = []
        for scale in [0.5, 1.0, 3.0, 20.0]:
            width = np.array(high) - np.array(low)
            x = np.array(low) + width * (0.5 + scale * rng.normal(size=3))
            y = tf.transform(np.array(x))
            inverse = [tf._inverse_i(v, i) for i, v in enumerate(y)]
            pairs.append({"x": list(x), "transformed": list(y), "inverse": inverse})
        cases.append({"low": low, "high": high, "pairs": pairs})
    write("cma_bounds.json", cases=cases)


def trajectory():
    runs = []
    for function, n, popsize, generations in [("elli", 4, 8, 10), ("rosen", 5, 12, 8)]:
        es = cma.CMAEvolutionStrategy(n * [0.7], 0.4, {"verbose": -9, "popsize": popsize, "seed": 11})
        es.sm.C, es.sm.B, es.sm.D = np.eye(n), np.eye(n), np.ones(n)
        f = getattr(cma.ff, function)
        steps = []
        for _ in range(generations):
            population = es.ask()
            values = [float(f(x)) for x in population]
            es.tell(population, values)
            steps.append(
                {
                    "population": [list(map(float, x)) for x in population],
                    "values": values,
                    "mean": list(es.mean),
                    "sigma": es.sigma,
                    "covariance": es.sm.C.tolist(),
                    "path_covariance": list(es.pc),
                    "path_sigma": list(es.adapt_sigma.ps),
                }
            )
        runs.append({"function": function, "dimension": n, "mean": n * [0.7], "sigma": 0.4, "steps": steps})
    write("cma_trajectory.json", runs=runs)


rates()
bounds()
trajectory()
