"""Writes the reference numbers of DEAP's genetic algorithm: deap_ga.json.

    pip install deap==1.4.4 && python reference_deap.py

A generation is what DEAP's `eaSimple` does: `selTournament`, then `varAnd` with the crossover and mutation named in the run. All of it is given
the numbers that Evolvent draws (streams.py). Elites, which `eaSimple` has none of, are DEAP's `selBest`.
"""

from importlib.metadata import version

import deap.algorithms
import deap.tools.crossover
import deap.tools.mutation
import deap.tools.selection
import numpy as np
from deap import base, creator, tools
from functions import lists, rosenbrock, sphere, write
from streams import ASK, stream

SEED = 14
ETA_CROSS, ETA_MUTATE = 15.0, 20.0


class Replay:
    """In place of Python's `random`: answers with a list of Evolvent's numbers."""

    def __init__(self):
        self.numbers = iter(())

    def feed(self, numbers):
        self.numbers = iter(numbers)

    def random(self):
        return next(self.numbers)

    def gauss(self, mean, deviation):
        return mean + deviation * next(self.numbers)

    def choice(self, items):
        return items[next(self.numbers)]

    def done(self):
        return next(self.numbers, None) is None


replay = Replay()
for module in [deap.algorithms, deap.tools.crossover, deap.tools.mutation, deap.tools.selection]:
    module.random = replay
creator.create("Fitness", base.Fitness, weights=(-1.0,))
creator.create("Individual", list, fitness=creator.Fitness)


def yes(condition):
    return 0.0 if condition else 1.0


runs = []
for name, f, n, size, elites, pressure, kind in [
    ("sphere", sphere, 5, 12, 0, 2, "sbx and polynomial"),
    ("rosenbrock", rosenbrock, 5, 12, 2, 3, "sbx and polynomial"),
    ("sphere", sphere, 6, 10, 2, 3, "uniform and gaussian"),
    ("rosenbrock", rosenbrock, 6, 10, 0, 2, "uniform and gaussian"),
]:
    rate, mutation_rate, gene_rate = 0.8, 0.9, 0.3
    toolbox = base.Toolbox()
    if kind == "sbx and polynomial":
        toolbox.register("mate", tools.cxSimulatedBinaryBounded, eta=ETA_CROSS, low=-2.0, up=2.0)
        toolbox.register(
            "mutate", tools.mutPolynomialBounded, eta=ETA_MUTATE, low=-2.0, up=2.0, indpb=gene_rate
        )
    else:
        toolbox.register("mate", tools.cxUniform, indpb=gene_rate)
        toolbox.register("mutate", tools.mutGaussian, mu=0, sigma=0.2, indpb=gene_rate)
    toolbox.register("select", tools.selTournament, tournsize=pressure)

    def evaluate(individuals):
        for individual in individuals:
            individual.fitness.values = (f(individual),)

    population = [creator.Individual(x) for x in np.random.default_rng(4).uniform(-2, 2, (size, n)).tolist()]
    evaluate(population)
    steps = [{"batch": lists(population), "values": [p.fitness.values[0] for p in population]}]
    for generation in range(1, 9):
        ask = stream(SEED, generation, ASK)
        population.sort(key=lambda p: p.fitness.values[0])
        pairs = (size - elites + 1) // 2
        replay.feed([ask.below(size) for _ in range(2 * pairs * pressure)])
        chosen = toolbox.select(population, 2 * pairs)
        crossings, mutations = [], []
        for k in range(pairs):
            # The better parent first.
            if chosen[2 * k + 1].fitness.values < chosen[2 * k].fitness.values:
                chosen[2 * k : 2 * k + 2] = chosen[2 * k + 1], chosen[2 * k]
            a, b = chosen[2 * k : 2 * k + 2]
            rng = ask.split(k).stream()
            crossed = rng.chance(rate)
            crossings.append(yes(crossed))
            if crossed and kind == "sbx and polynomial":
                mask = rng.fork().stream().chosen(0.5, n)
                for i in range(n):
                    crossings.append(yes(i in mask))
                    if i in mask:
                        u = rng.uniform()
                        # The last number exchanges the children's genes at random; Evolvent leaves them where they are.
                        crossings += [u, yes(a[i] > b[i])] if abs(a[i] - b[i]) > 1e-14 else []
            elif crossed:
                mask = rng.chosen(gene_rate, n)
                crossings += [yes(i in mask) for i in range(n)]
            for _ in range(2):
                mutated = rng.chance(mutation_rate)
                mutations.append(yes(mutated))
                if mutated:
                    mask = rng.fork().stream().chosen(gene_rate, n)
                    for i in range(n):
                        mutations.append(yes(i in mask))
                        if i in mask:
                            mutations.append(rng.uniform() if kind == "sbx and polynomial" else rng.normal())
        replay.feed(crossings + mutations)
        children = deap.algorithms.varAnd(chosen, toolbox, rate, mutation_rate)[: size - elites]
        assert replay.done()
        evaluate(children)
        population = tools.selBest(population, elites) + children
        steps.append({"batch": lists(children), "values": [c.fitness.values[0] for c in children]})
    runs.append(
        {
            "function": name,
            "kind": kind,
            "dimension": n,
            "bound": 2.0,
            "elites": elites,
            "tournament": pressure,
            "crossover_rate": rate,
            "mutation_rate": mutation_rate,
            "gene_rate": gene_rate,
            "sigma": 0.2,
            "eta": [ETA_CROSS, ETA_MUTATE],
            "seed": SEED,
            "steps": steps,
        }
    )
write("deap_ga.json", f"DEAP {version('deap')}", runs)
