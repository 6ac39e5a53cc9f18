"""Writes the reference numbers of CR-FM-NES: crfmnes.json.

    pip install crfmnes==1.0.0 numpy && python reference_crfmnes.py

Antithetic pairs are neighbours here; the package has all plus signs first.
"""

import json
from importlib.metadata import version

import numpy as np
from crfmnes import CRFMNES
from scipy.special import gammaln


def ellipsoid(x):
    x = x.ravel()
    return float(sum(1e6 ** (i / (len(x) - 1)) * v * v for i, v in enumerate(x)))


def rosenbrock(x):
    x = x.ravel()
    return float(sum(100 * (a * a - b) ** 2 + (a - 1) ** 2 for a, b in zip(x, x[1:])))


runs = []
for name, f, n, size in [("ellipsoid", ellipsoid, 6, 8), ("rosenbrock", rosenbrock, 8, 10)]:
    np.random.seed(3)
    direction = np.random.randn(n, 1) / np.sqrt(n)
    es = CRFMNES(n, f, np.full((n, 1), 0.6), 0.3, size, v=direction.copy())
    es.chiN = float(np.sqrt(2) * np.exp(gammaln((n + 1) / 2) - gammaln(n / 2)))
    order = [k // 2 + (k % 2) * (size // 2) for k in range(size)]
    steps = []
    for _ in range(8):
        before = np.random.get_state()
        half = np.random.randn(n, size // 2)
        np.random.set_state(before)
        noise = np.concatenate([half, -half], axis=1)
        _, values, _ = es.one_iteration()
        steps.append(
            {
                "noise": noise.T[order].tolist(),
                "values": [float(values[k]) for k in order],
                "mean": es.m.ravel().tolist(),
                "sigma": float(np.ravel(es.sigma)[0]),
                "path": es.pc.ravel().tolist(),
                "diagonal": es.D.ravel().tolist(),
                "direction": es.v.ravel().tolist(),
            }
        )
    runs.append(
        {
            "function": name,
            "dimension": n,
            "mean": n * [0.6],
            "sigma": 0.3,
            "direction": direction.ravel().tolist(),
            "steps": steps,
        }
    )
with open("crfmnes.json", "w") as out:
    json.dump({"reference": f"crfmnes {version('crfmnes')}", "runs": runs}, out, separators=(",", ":"))
    out.write("\n")
