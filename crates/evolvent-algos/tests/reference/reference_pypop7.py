"""Writes the reference numbers of pypop7: pypop7_cem.json (SCEM), pypop7_lm_ma_es.json (LMMAES), pypop7_one_plus_one_es.json (RES).

    pip install pypop7==0.0.82 && python reference_pypop7.py

A trajectory holds, for each generation, the noise or the points and their values, and the state after it.
"""

from importlib.metadata import version

import numpy as np
from functions import ellipsoid, lists, rosenbrock, write
from pypop7.optimizers.cem.scem import SCEM
from pypop7.optimizers.es.lmmaes import LMMAES
from pypop7.optimizers.es.res import RES

REFERENCE = f"pypop7 {version('pypop7')}"


def problem(f, n):
    return {
        "fitness_function": f,
        "ndim_problem": n,
        "lower_boundary": np.full(n, -5.0),
        "upper_boundary": np.full(n, 5.0),
    }


def settings(n, size, sigma):
    return {
        "max_function_evaluations": 10**9,
        "seed_rng": 5,
        "n_individuals": size,
        "mean": np.full(n, 0.6),
        "sigma": sigma,
        "is_restart": False,
        "verbose": 0,
    }


def begin(es):
    """Its methods are called one by one here; `optimize` alone sets the clock that they read."""
    es.start_time = 0.0
    return es


class Squares(SCEM):
    """SCEM with smoothed variances in place of smoothed standard deviations."""

    def _update_parameters(self, mean=None, x=None, y=None):
        before = np.square(self._sigmas)
        next = super()._update_parameters(mean, x, y)
        elites = x[np.argsort(y)[: self.n_parents]]
        self._sigmas = np.sqrt(self.alpha * np.var(elites, axis=0) + (1 - self.alpha) * before)
        return next


def cem():
    runs = []
    for kind, alpha in [(SCEM, 1.0), (Squares, 0.7)]:
        for name, f, n, size in [("ellipsoid", ellipsoid, 4, 15), ("rosenbrock", rosenbrock, 5, 20)]:
            es = begin(kind(problem(f, n), settings(n, size, 0.5) | {"n_parents": size // 5, "alpha": alpha}))
            mean, x, y = es.initialize()
            steps = []
            for _ in range(6):
                x, y = es.iterate(mean, x, y)
                step = {"noise": lists((x - mean) / es._sigmas), "values": lists(y)}
                mean = es._update_parameters(mean, x, y)
                steps.append(step | {"mean": lists(mean), "std": lists(es._sigmas)})
            runs.append(
                {
                    "function": name,
                    "dimension": n,
                    "mean": n * [0.6],
                    "sigma": 0.5,
                    "alpha": alpha,
                    "steps": steps,
                }
            )
    write("pypop7_cem.json", REFERENCE, runs)


def one_plus_one():
    runs = []
    for name, f, n in [("ellipsoid", ellipsoid, 4), ("rosenbrock", rosenbrock, 5)]:
        es = begin(RES(problem(f, n), settings(n, 1, 0.3)))
        mean, _, best = es.initialize()
        first, steps = float(best), []
        # The body of its `optimize`, which gives no states out.
        for _ in range(40):
            x, y = es.iterate(None, mean)
            es.sigma *= np.power(np.exp(float(y < best) - 0.2), es.lr_sigma)
            if y <= best:
                mean, best = x, y
            steps.append(
                {"child": lists(x), "value": float(y), "parent": lists(mean), "sigma": float(es.sigma)}
            )
        runs.append(
            {
                "function": name,
                "dimension": n,
                "mean": n * [0.6],
                "sigma": 0.3,
                "value": first,
                "rate": float(es.lr_sigma),
                "steps": steps,
            }
        )
    write("pypop7_one_plus_one_es.json", REFERENCE, runs)


def lm_ma_es():
    runs = []
    # Learning rates below 1: four directions, λ = 8 in 20 dimensions.
    for name, f, n, size in [("ellipsoid", ellipsoid, 20, 8), ("rosenbrock", rosenbrock, 18, 8)]:
        es = begin(LMMAES(problem(f, n), settings(n, size, 0.3) | {"n_evolution_paths": 4}))
        z, d, mean, s, tm, y = es.initialize()
        steps = []
        for _ in range(7):
            z, d, y = es.iterate(z, d, mean, tm, y)
            step = {"noise": lists(z), "values": lists(y), "member": lists(mean + es.sigma * d[-1])}
            es._n_generations += 1
            mean, s, tm = es._update_distribution(z, d, mean, s, tm, y)
            steps.append(
                step
                | {
                    "mean": lists(mean),
                    "sigma": float(es.sigma),
                    "path": lists(s),
                    "longest": float(np.linalg.norm(tm[-1])),
                }
            )
        runs.append({"function": name, "dimension": n, "mean": n * [0.6], "sigma": 0.3, "steps": steps})
    write("pypop7_lm_ma_es.json", REFERENCE, runs)


if __name__ == "__main__":
    cem()
    one_plus_one()
    lm_ma_es()
