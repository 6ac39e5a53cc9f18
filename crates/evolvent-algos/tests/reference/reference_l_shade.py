"""Writes the reference numbers of NiaPy's L-SHADE: niapy_l_shade.json.

    pip install niapy==2.7.1 && python reference_l_shade.py

`LpsrSuccessHistoryAdaptiveDifferentialEvolution` is given the numbers that Evolvent draws (streams.py). It sorts its population in each generation, and
its archive keeps another order than Evolvent's; here members are in Evolvent's order, and entries of the archive are found again by their values.
The runs are too short to fill the archive: what leaves a full one is not compared.
"""

from importlib.metadata import version

import numpy as np
from functions import lists, rosenbrock, sphere, write
from niapy.algorithms.modified.shade import LpsrSuccessHistoryAdaptiveDifferentialEvolution as LShade
from niapy.algorithms.modified.shade import SolutionSHADE
from niapy.problems import Problem
from niapy.task import Task
from niapy.util import objects_to_array
from streams import ASK, stream

SEED, SHARE, ARCHIVE = 13, 0.2, 20.0


class Replay:
    """Answers L-SHADE's questions, in its order, with Evolvent's draws of one generation."""

    def __init__(self, integers, normals, uniforms, choices):
        self.queues = [iter(q) for q in (integers, normals, uniforms, choices)]

    def integers(self, low, high=None, size=None):
        return next(self.queues[0])

    def normal(self, loc, scale, size=None):
        mean, deviate = next(self.queues[1])
        assert mean == loc
        return loc + scale * deviate

    def random(self, size=None):
        return next(self.queues[2])

    def choice(self, n, p):
        wanted = next(self.queues[3])
        assert wanted < n and p[wanted] > 0
        return wanted


def find(rows, row):
    return next(k for k, other in enumerate(rows) if np.array_equal(other, row))


runs = []
for name, f, n, size, planned in [("sphere", sphere, 4, 17, 150), ("rosenbrock", rosenbrock, 5, 20, 260)]:
    told = []

    class Function(Problem):
        def __init__(self):
            super().__init__(n, -2, 2)

        def _evaluate(self, x):
            told.append(f(x))
            return told[-1]

    task = Task(Function(), max_evals=planned)
    l_shade = LShade(population_size=size, extern_arc_rate=ARCHIVE, pbest_factor=SHARE, hist_mem_size=3)
    first = np.random.default_rng(3).uniform(-2, 2, (size, n))
    members = [SolutionSHADE(x=x, task=task, e=True) for x in first]
    ours, archived = [(m.x, m.f) for m in members], []
    population = objects_to_array(members)
    best = min(members, key=lambda m: m.f)
    best_x, best_f = best.x, best.f
    params = {
        # One entry that is ⊥, one that may become it.
        "h_mem_cr": np.array([0.5, 0.02, -1.0]),
        "h_mem_f": np.full(3, 0.5),
        "k": 0,
        "archive": np.zeros((round(size * ARCHIVE), n)),
        "arc_ind_cnt": 0,
    }
    memory = lists(params["h_mem_cr"])
    steps = [{"trials": [lists(x) for x, _ in ours], "values": [v for _, v in ours]}]
    for generation in range(1, 100):
        if task.evals + len(ours) > planned:
            break
        ask = stream(SEED, generation, ASK)
        order = [int(k) for k in np.argsort([v for _, v in ours])]
        place = {member: k for k, member in enumerate(order)}
        count, entries = len(ours), list(params["archive"][: params["arc_ind_cnt"]])
        setting = []
        for _ in range(count):
            entry = ask.below(3)
            mean_f, mean_cr = params["h_mem_f"][entry], params["h_mem_cr"][entry]
            deviate = ask.normal()
            angles = [ask.uniform()]
            while mean_f + 0.1 * np.tan(np.pi * (angles[-1] - 0.5)) <= 0:
                angles.append(ask.uniform())
            cr = min(max(mean_cr + 0.1 * deviate, 0), 1) if mean_cr != -1 else 0.0
            setting.append((entry, (mean_cr, deviate), angles, cr))
        integers = [setting[i][0] for i in order]
        normals = [setting[i][1] for i in order if setting[i][1][0] != -1]
        uniforms = [u for i in order for u in setting[i][2]]
        choices = []
        for i in order:
            rng = ask.split(i).stream()
            leader = rng.below(max(2, round(SHARE * count)))
            r1 = rng.distinct(count, [i])
            r2 = rng.distinct(count + len(archived), [i, r1])
            choices += [place[r1], place[r2] if r2 < count else count + find(entries, archived[r2 - count])]
            start = rng.below(n)
            chosen = rng.chosen(setting[i][3], n)
            integers += [leader, start]
            uniforms += [-1.0 if k in chosen else 2.0 for k in range(n)]
        l_shade.rng = Replay(integers, normals, uniforms, choices)
        trials = {}
        evolve = l_shade.evolve

        def keep(*args, **kwargs):
            out = evolve(*args, **kwargs)
            trials.update({order[k]: (np.copy(t.x), t.f) for k, t in enumerate(out)})
            return out

        l_shade.evolve = keep
        # NiaPy sorts by fitness itself; members are handed over in the order that Evolvent has.
        individuals = [next(m for m in population if np.array_equal(m.x, x)) for x, _ in ours]
        population, fitness, best_x, best_f, params = l_shade.run_iteration(
            task, objects_to_array(individuals), np.array([v for _, v in ours]), best_x, best_f, **params
        )
        l_shade.evolve = evolve
        for i in range(count):
            x, value = trials[i]
            if value < ours[i][1]:
                archived.append(ours[i][0])
            if value <= ours[i][1]:
                ours[i] = (x, value)
        kept = sorted(sorted(range(count), key=lambda i: ours[i][1])[: len(population)])
        ours = [ours[i] for i in kept]
        assert sorted(lists(m.x) for m in population) == sorted(lists(x) for x, _ in ours)
        assert len(archived) == params["arc_ind_cnt"] <= int(len(population) * ARCHIVE), (
            "the archive is not full"
        )
        steps.append(
            {
                "trials": [lists(trials[i][0]) for i in range(count)],
                "values": [trials[i][1] for i in range(count)],
                "memory_f": lists(params["h_mem_f"]),
                "memory_cr": lists(params["h_mem_cr"]),
                "size": len(population),
            }
        )
    assert list(params["h_mem_cr"]).count(-1) > 1, "another entry became ⊥"
    runs.append(
        {
            "function": name,
            "dimension": n,
            "bound": 2.0,
            "best_share": SHARE,
            "archive_share": ARCHIVE,
            "evaluations": planned,
            "memory_cr": memory,
            "seed": SEED,
            "steps": steps,
        }
    )
write("niapy_l_shade.json", f"NiaPy {version('niapy')}", runs)
