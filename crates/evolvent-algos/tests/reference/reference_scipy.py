"""Writes the reference numbers of scipy's differential evolution: scipy_de.json.

    pip install scipy==1.17.1 && python reference_scipy.py

`DifferentialEvolutionSolver` is given the numbers that Evolvent draws (streams.py). It keeps the best member in the first place and its
vectors between 0 and 1; here they are in Evolvent's order and units again.
"""

from importlib.metadata import version

import numpy as np
from functions import lists, rosenbrock, sphere, write
from scipy.optimize._differentialevolution import DifferentialEvolutionSolver
from streams import ASK, stream, words

SEED, F, CR = 11, 0.7, 0.8


class Replay:
    """Answers scipy's questions with Evolvent's draws of one generation."""

    def __init__(self, draws, places, n):
        # draws: by place in scipy's population, indices of members already turned into places.
        self.draws, self.n, self.asked = draws, n, 0

    def shuffle(self, index):
        others = self.draws[self.asked][0]
        rest = [k for k in range(len(index)) if k not in others]
        index[:] = others + rest
        self.asked += 1

    def integers(self, low, high=None, size=None, endpoint=False, dtype=None):
        return np.array([draw[1] for draw in self.draws])

    randint = integers

    def uniform(self, size):
        assert isinstance(size, tuple), "no trial leaves its bounds"
        return np.array([draw[2] for draw in self.draws])


class Solver(DifferentialEvolutionSolver):
    """Knows who stands where."""

    def _promote_lowest_energy(self):
        best = int(np.argmin(self.population_energies))
        if not hasattr(self, "members"):
            self.members = list(range(self.num_population_members))
        self.members[0], self.members[best] = self.members[best], self.members[0]
        super()._promote_lowest_energy()


def draws(rng, member, size, n, strategy):
    """Three other members, the first gene, and scipy's uniform numbers: 0 where the mutant's gene is taken, else 1."""
    rng = rng.split(member).stream()
    others = []
    for _ in range(3):
        others.append(rng.distinct(size, [member] + others))
    first = rng.below(n)
    if strategy.endswith("bin"):
        chosen = [word < int(CR * 2**32) for word in words(rng.fork(), n)]
    else:
        chosen = [True] + (n - 1) * [False]
        for k in range(1, n):
            if not rng.chance(CR):
                break
            chosen[k] = True
    return others, first, [0.0 if c else 1.0 for c in chosen]


runs = []
for name, f, n, size in [("sphere", sphere, 4, 10), ("rosenbrock", rosenbrock, 5, 12)]:
    for strategy in ["rand1bin", "best1exp", "currenttobest1bin"]:
        first = np.random.default_rng(3).uniform(-2, 2, (size, n))
        told = []

        def evaluate(x):
            told.append((lists(x), f(x)))
            return told[-1][1]

        solver = Solver(
            evaluate,
            n * [(-64, 64)],
            strategy=strategy,
            popsize=1,
            mutation=F,
            recombination=CR,
            init=first,
            updating="deferred",
            polish=False,
        )
        steps = []
        for generation in range(9):
            told.clear()
            if generation == 0:
                solver.population_energies[:] = np.inf
                solver.feasible, solver.constraint_violation = solver._calculate_population_feasibilities(
                    solver.population
                )
                solver.population_energies[:] = solver._calculate_population_energies(solver.population)
                solver._promote_lowest_energy()
                order = list(range(size))
            else:
                rng = stream(SEED, generation, ASK)
                order = list(solver.members)
                place = {member: k for k, member in enumerate(order)}
                answers = []
                for member in order:
                    others, start, uniform = draws(rng, member, size, n, strategy)
                    answers.append(([place[r] for r in others], start, uniform))
                solver.random_number_generator = Replay(answers, place, n)
                next(solver)
            by_member = dict(zip(order, told))
            steps.append(
                {
                    "trials": [by_member[i][0] for i in range(size)],
                    "values": [by_member[i][1] for i in range(size)],
                }
            )
        runs.append(
            {
                "function": name,
                "strategy": strategy,
                "dimension": n,
                "seed": SEED,
                "differential_weight": F,
                "crossover_rate": CR,
                "steps": steps,
            }
        )
write("scipy_de.json", f"scipy {version('scipy')}", runs)
