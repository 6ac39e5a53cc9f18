"""Writes the reference numbers of pymoo's NSGA-II: pymoo_nsga2.json.

    pip install pymoo==0.6.2 && python reference_pymoo.py

pymoo's tournament (by rank, as in the paper), `cross_sbx`, `mut_pm` and `RankAndCrowding` are given the numbers that Evolvent draws (streams.py). pymoo's
crowding distances are divided by the number of objectives; here they are not, and −1 stands for infinity.
"""

from importlib.metadata import version
from types import SimpleNamespace

import numpy as np
from functions import lists, write
from pymoo.algorithms.moo.nsga2 import binary_tournament
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.operators.crossover.sbx import cross_sbx
from pymoo.operators.mutation.pm import mut_pm
from pymoo.operators.survival.rank_and_crowding import RankAndCrowding
from streams import ASK, stream

SEED, ETA_CROSS, ETA_MUTATE, RATE = 17, 15.0, 20.0, 0.9


def zdt1(x):
    g = 1 + 9 * np.mean(x[1:])
    return [x[0], g * (1 - np.sqrt(x[0] / g))]


def dtlz2(x):
    g, (a, b) = np.sum((x[2:] - 0.5) ** 2), np.pi / 2 * x[:2]
    return [(1 + g) * np.cos(a) * np.cos(b), (1 + g) * np.cos(a) * np.sin(b), (1 + g) * np.sin(a)]


class Replay:
    """Answers pymoo's questions with the numbers that lie ready."""

    def __init__(self):
        self.ready = []

    def random(self, shape):
        return np.array(self.ready.pop(0), dtype=float).reshape(shape)

    def choice(self, items):
        return items[0]

    def permutation(self, n):
        return np.arange(n)


def survive(problem, x, f, g, size):
    """Survivors in Evolvent's order: by fronts; in a front by index, in the last one by crowding."""
    pop = Population.new("X", x, "F", f, "G", g)
    pop.set("place", np.arange(len(pop)))
    kept = {
        int(k) for k in RankAndCrowding().do(problem, pop, n_survive=size, random_state=replay).get("place")
    }
    feasible = [k for k in range(len(pop)) if g[k, 0] <= 0]
    fronts = {}
    for k in feasible:
        if pop[k].get("rank") is not None:
            fronts.setdefault(pop[k].get("rank"), []).append(k)
    order = []
    for rank in sorted(fronts):
        front = fronts[rank]
        if len(order) + len(front) > size:
            front = sorted(front, key=lambda k: -pop[k].get("crowding"))
        order += front[: size - len(order)]
    infeasible = sorted((k for k in range(len(pop)) if g[k, 0] > 0), key=lambda k: g[k, 0])
    order += infeasible[: size - len(order)]
    # Among equals pymoo decides by chance.
    merit = lambda k: (g[k, 0] > 0, pop[k].get("rank") or 0, pop[k].get("crowding") or 0)
    assert sorted(map(merit, order)) == sorted(map(merit, kept))
    return pop[order]


runs = []
replay = Replay()
for name, f, n, m, size, limit in [
    ("zdt1", zdt1, 5, 2, 12, None),
    ("dtlz2", dtlz2, 6, 3, 16, None),
    ("zdt1 with x₁ ≥ 0.4", zdt1, 5, 2, 12, 0.4),
]:
    low, high = np.zeros(n), np.ones(n)
    problem = Problem(n_var=n, n_obj=m, n_ieq_constr=0 if limit is None else 1, xl=low, xu=high)
    values = lambda x: np.array([f(row) for row in x])
    excess = lambda x: np.array([[-1.0 if limit is None else limit - row[0]] for row in x])
    x = np.random.default_rng(4).uniform(0, 1, (size, n))
    pop = survive(problem, x, values(x), excess(x), size)
    steps = []

    def record(batch):
        rank, crowding = pop.get("rank"), pop.get("crowding")
        steps.append(
            {
                "batch": lists(batch),
                "values": lists(values(batch)),
                "excess": lists(np.maximum(excess(batch)[:, 0], 0)),
                # Places in the population followed by the batch.
                "survivors": [int(place) for place in pop.get("place")],
                "rank": [-1 if r is None else int(r) for r in rank],
                "crowding": [-1.0 if c is None or np.isinf(c) else float(c) * m for c in crowding],
            }
        )

    record(x)
    algorithm = SimpleNamespace(tournament_type="comp_by_rank_and_crowding", random_state=replay)
    better = lambda a, b: int(binary_tournament(pop, np.array([[a, b]]), algorithm)[0, 0])
    for generation in range(1, 9):
        ask = stream(SEED, generation, ASK)
        children = []
        for k in range(size // 2):
            rng = ask.split(k).stream()
            a, b = [better(rng.below(size), rng.below(size)) for _ in range(2)]
            a, b = (b, a) if a != b and better(a, b) == b else (a, b)
            pair = np.array([[pop[a].X], [pop[b].X]])
            if rng.chance(RATE):
                mask = rng.fork().stream().chosen(0.5, n)
                u = {i: rng.uniform() for i in mask}
                crossed = [i for i in mask if abs(pair[0, 0, i] - pair[1, 0, i]) > 1e-14]
                # The last numbers exchange the children's genes at random; Evolvent leaves them where they are.
                stay = [0.0 if pair[0, 0, i] > pair[1, 0, i] else 1.0 for i in crossed]
                replay.ready = [[0.0 if i in mask else 1.0 for i in range(n)], [u[i] for i in crossed], stay]
                eta, half = np.array([[ETA_CROSS]]), np.array([[0.5]])
                pair = cross_sbx(pair, low, high, eta, half, half, random_state=replay)
            for child in pair[:, 0]:
                assert rng.chance(1.0)
                mask = rng.fork().stream().chosen(1 / n, n)
                replay.ready = [[0.0 if i in mask else 1.0 for i in range(n)], [rng.uniform() for _ in mask]]
                eta, rate = np.array([ETA_MUTATE]), np.array([1 / n])
                children.append(
                    mut_pm(np.array([child]), low, high, eta, rate, False, random_state=replay)[0]
                )
        x = np.array(children)
        both = np.concatenate([pop.get("X"), x])
        pop = survive(problem, both, values(both), excess(both), size)
        record(x)
    runs.append(
        {
            "function": name,
            "dimension": n,
            "objectives": m,
            "eta": [ETA_CROSS, ETA_MUTATE],
            "crossover_rate": RATE,
            "seed": SEED,
            "steps": steps,
        }
    )
write("pymoo_nsga2.json", f"pymoo {version('pymoo')}", runs)
