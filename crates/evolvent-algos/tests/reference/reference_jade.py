"""Writes the reference numbers of pypop7's JADE: pypop7_jade.json.

    pip install pypop7==0.0.82 && python reference_jade.py

`JADE` is given the numbers that Evolvent draws (streams.py). Its archive keeps another order than Evolvent's; here entries are found again by their
values.
"""

from importlib.metadata import version

import numpy as np
import pypop7.optimizers.de.jade as module
from functions import lists, rosenbrock, sphere, write
from streams import ASK, TELL, stream

SEED = 12
SHARE = 0.2


class Replay:
    """Answers JADE's questions, in its order, with Evolvent's draws of one generation."""

    def __init__(self, leaders, partners, deviates, firsts, chosen, leaving):
        self.leaders, self.deviates = leaders, deviates
        self.partners, self.firsts = iter(partners), iter(firsts)
        self.chosen, self.leaving = iter(chosen), leaving

    def choice(self, a, size=None, replace=True):
        if size is None:
            wanted = next(self.partners)
            assert wanted in a
            return wanted
        if replace:
            return [a[k] for k in self.leaders]
        return self.leaving()

    def normal(self, mean, deviation, size):
        return mean + deviation * np.array(self.deviates)

    def integers(self, n):
        return next(self.firsts)

    def random(self):
        return 0.0 if next(self.chosen) else 1.0


class Cauchy:
    """In place of scipy's distribution: the numbers come from Evolvent."""

    def __init__(self):
        self.numbers = iter(())

    def rvs(self, loc, scale, random_state):
        return loc + scale * next(self.numbers)


module.cauchy = Cauchy()


def find(rows, row):
    return next(k for k, other in enumerate(rows) if np.array_equal(other, row))


def draw_settings(rng, mean_f, mean_cr):
    """CR's deviate, then Cauchy deviates until F is positive; and CR."""
    deviate, numbers = rng.normal(), []
    while not numbers or mean_f + 0.1 * numbers[-1] <= 0:
        numbers.append(rng.cauchy())
    return deviate, numbers, min(max(mean_cr + 0.1 * deviate, 0), 1)


runs = []
for name, f, n, size in [("sphere", sphere, 4, 10), ("rosenbrock", rosenbrock, 5, 15)]:
    told = []

    def evaluate(x):
        told.append((lists(x), f(x)))
        return told[-1][1]

    bounds = [np.full(n, -2.0), np.full(n, 2.0)]
    problem = {
        "fitness_function": evaluate,
        "ndim_problem": n,
        "lower_boundary": bounds[0],
        "upper_boundary": bounds[1],
    }
    jade = module.JADE(
        problem,
        {
            "max_function_evaluations": 10**9,
            "seed_rng": 3,
            "n_individuals": size,
            "p": SHARE,
            "is_bound": True,
            "verbose": 0,
        },
    )
    jade.start_time = 0.0
    x, y, archive = jade.initialize()
    steps, ours, overflowed = [{"trials": [t[0] for t in told], "values": [t[1] for t in told]}], [], False
    for generation in range(1, 15):
        ask, tell = stream(SEED, generation, ASK), stream(SEED, generation, TELL)
        setting = [draw_settings(ask, jade.median, jade.mu) for _ in range(size)]
        leaders, partners, firsts, chosen = [], [], [], []
        for i in range(size):
            rng = ask.split(i).stream()
            leaders.append(rng.below(max(2, round(SHARE * size))))
            r1 = rng.distinct(size, [i])
            r2 = rng.distinct(size + len(ours), [i, r1])
            partners += [r1, r2 if r2 < size else size + find(archive, ours[r2 - size])]
            firsts.append(rng.below(n))
            mutated = rng.chosen(setting[i][2], n)
            chosen += [k in mutated for k in range(n) if k != firsts[-1]]
        before, old = np.copy(x), np.copy(y)
        told.clear()

        def leaving():
            """Where those stand in JADE's archive that leave Evolvent's."""
            out = []
            joined = ours + [before[i] for i in range(size) if y[i] < old[i]]
            theirs = list(joined_archive())
            while len(joined) > size:
                k = tell.below(len(joined))
                out.append(find(theirs, joined[k]))
                joined[k] = joined[-1]
                joined.pop()
            ours[:] = joined
            return out

        def joined_archive():
            return list(archive) + [before[i] for i in range(size) if y[i] < old[i]]

        jade.rng_optimization = Replay(leaders, partners, [s[0] for s in setting], firsts, chosen, leaving)
        module.cauchy.numbers = iter(number for s in setting for number in s[1])
        x, y, archive_next = jade.iterate(x, y, archive)
        joined = ours + [before[i] for i in range(size) if y[i] < old[i]]
        if len(archive) + int(np.sum(y < old)) <= size:
            ours = joined
        else:
            overflowed = True
        archive = archive_next
        assert sorted(map(lists, ours)) == sorted(map(lists, archive))
        steps.append(
            {
                "trials": [t[0] for t in told],
                "values": [t[1] for t in told],
                "mean_f": float(jade.median),
                "mean_cr": float(jade.mu),
                "archived": len(archive),
            }
        )
    assert overflowed
    runs.append(
        {"function": name, "dimension": n, "bound": 2.0, "best_share": SHARE, "seed": SEED, "steps": steps}
    )
write("pypop7_jade.json", f"pypop7 {version('pypop7')}", runs)
