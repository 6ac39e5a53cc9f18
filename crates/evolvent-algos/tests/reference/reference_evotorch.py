"""Writes the reference numbers of EvoTorch: evotorch_cosyne.json, evotorch_clip_up.json.

    pip install evotorch==0.6.1 && python reference_evotorch.py

EvoTorch's `OnePointCrossOver`, `GaussianMutation` and `CosynePermutation` are given the numbers that Evolvent draws (streams.py): Cauchy deviates, and
the scaled fitness of section 3 of the paper where EvoTorch takes ranks. Who is replaced is a transcription of algorithm 1 of the paper: EvoTorch's own
`Cosyne` puts children and permuted rows beside the population and keeps the best of all. ClipUp gets the same gradients.
"""

import warnings
from importlib.metadata import version

import numpy as np
import torch
from evotorch import Problem, SolutionBatch
from evotorch.operators import CosynePermutation, GaussianMutation, OnePointCrossOver
from evotorch.optimizers import ClipUp
from functions import lists, rosenbrock, sphere, write
from streams import TELL, stream

warnings.filterwarnings("ignore")
SEED, SCALE, RATE, PARENTS, OFFSPRING = 16, 0.3, 0.4, 0.25, 0.5


class Replay(Problem):
    """Answers the operators' questions with the numbers that lie ready."""

    def __init__(self, n):
        super().__init__(
            "min",
            None,
            solution_length=n,
            initial_bounds=(-1, 1),
            dtype=torch.float64,
            eval_dtype=torch.float64,
        )
        self.ready, self.asked = [], []

    def make_randint(self, *args, **kwargs):
        return torch.tensor(self.ready.pop(0))

    def make_uniform_shaped_like(self, t):
        self.asked.append(t.clone())
        return torch.tensor(self.ready.pop(0), dtype=torch.float64).reshape(t.shape)

    def make_gaussian_shaped_like(self, t):
        return torch.tensor(self.ready.pop(0), dtype=torch.float64).reshape(t.shape)


class Batch(SolutionBatch):
    """Rows with the scaled fitness of the paper, from −½ to ½, in place of ranks."""

    def utility(self, *args, **kwargs):
        return self.scaled


def batch_of(problem, rows, scaled=None):
    batch = Batch(problem, len(rows), empty=True)
    batch._data = torch.tensor(np.array(rows), dtype=torch.float64)
    batch.scaled = torch.zeros(len(rows)) if scaled is None else torch.tensor(scaled - 0.5)
    return batch


runs = []
for name, f, n, size in [("sphere", sphere, 4, 12), ("rosenbrock", rosenbrock, 5, 16)]:
    problem = Replay(n)
    cross = OnePointCrossOver(problem, tournament_size=1, num_children=2)
    mutate = GaussianMutation(problem, stdev=SCALE, mutation_probability=RATE)
    permute = CosynePermutation(problem)
    rows = np.random.default_rng(4).uniform(-2, 2, (size, n))
    steps = []
    for generation in range(9):
        tell = stream(SEED, generation, TELL)
        values = np.array([f(x) for x in rows])
        step = {"rows": lists(rows), "values": lists(values)}
        order = np.argsort(values)
        rows, values = rows[order], values[order]
        survivors, parents = size - round(OFFSPRING * size), round(PARENTS * size)
        children = []
        for _ in range((size - survivors) // 2):
            a, b, cut = tell.below(parents), tell.below(parents), tell.below(n) + 1
            # The first child has the head of a.
            problem.ready = [[[b], [a]], [[cut - 1]]]
            for child in cross(batch_of(problem, rows[:parents]))._data.numpy():
                mask = tell.fork().stream().chosen(RATE, n)
                problem.ready = [[0.0 if k in mask else 1.0 for k in range(n)], [tell.cauchy() for _ in mask]]
                # EvoTorch cannot mutate nothing.
                children.append(mutate(batch_of(problem, [child]))._data.numpy()[0] if mask else child)
        rows = np.concatenate([rows[:survivors], children])
        scaled = (values.max() - values) / (values.max() - values.min())
        scaled[survivors:] = 0
        marked = [tell.chosen(1 - s ** (1 / n), n) for s in scaled]
        places = np.full((size, n), 1.0)
        for j in range(n):
            sources = [row for row in range(size) if j in marked[row]]
            tell.shuffle(sources)
            places[sources, j] = (np.arange(len(sources)) + 0.5) / size
        problem.asked.clear()
        problem.ready = [
            [[-1.0 if j in marked[row] else 2.0 for j in range(n)] for row in range(size)],
            places.tolist(),
        ]
        rows = permute(batch_of(problem, rows, scaled))._data.numpy().copy()
        step["marks"] = lists(problem.asked[0][:survivors, 0])
        steps.append(step | {"next": lists(rows)})
    runs.append(
        {
            "function": name,
            "dimension": n,
            "parent_share": PARENTS,
            "offspring_share": OFFSPRING,
            "mutation_rate": RATE,
            "mutation_scale": SCALE,
            "seed": SEED,
            "steps": steps,
        }
    )
write("evotorch_cosyne.json", f"EvoTorch {version('evotorch')}", runs)

runs = []
for rate, momentum, max_speed in [(0.1, 0.9, 0.2), (0.05, 0.5, 0.3)]:
    clip_up = ClipUp(
        solution_length=4, dtype=torch.float64, stepsize=rate, momentum=momentum, max_speed=max_speed
    )
    x, steps = torch.zeros(4, dtype=torch.float64), []
    for gradient in np.random.default_rng(6).normal([1, 0.5, 0, -2], 1, (12, 4)):
        # It ascends.
        x = x + clip_up.ascent(torch.tensor(-gradient))
        steps.append({"gradient": lists(gradient), "x": lists(x)})
    runs.append({"learning_rate": rate, "momentum": momentum, "max_speed": max_speed, "steps": steps})
write("evotorch_clip_up.json", f"EvoTorch {version('evotorch')}", runs)
