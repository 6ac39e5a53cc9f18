"""Generations per second of evosax, EvoTorch and pycma: ask, the sphere function, tell.

    python peers_vectors.py evosax|evotorch|pycma [CASE ...] [--seconds S] [--serve]

Prints one JSON line per case: the best rate over windows of some tenths of a second by the clock on the wall, and the least
processor time per generation of all threads together. With --serve cases are read from standard input, one per line.

Each peer has its best setting: evosax runs whole generations inside one compiled loop, in single precision, with the faster of JAX's generators;
EvoTorch evaluates a vectorised problem; pycma gets a vectorised function and is never asked whether to stop.
"""

import argparse
import json
import sys
import time

# name: (dimension, population; 0 is the default of the peer)
CASES = {
    "open_es_10k": (10_000, 256),
    "open_es_1m": (1_000_000, 64),
    "snes_10k": (10_000, 256),
    "pgpe_10k": (10_000, 256),
    "sep_cma_es_10k": (10_000, 256),
    "cma_es_100": (100, 0),
    "cma_es_1k": (1_000, 0),
    "ga_1k": (1_000, 256),
    "de_1k": (1_000, 256),
}


def evosax_runner(name, dimension, population):
    import jax
    import jax.numpy as jnp
    import optax
    from evosax import algorithms

    # Philox-based bits instead of the default Threefry where that is faster on this machine.
    generator = fastest_generator()
    zero, key = jnp.zeros(dimension), jax.random.key(0, impl=generator)
    start = jax.random.uniform(key, (dimension,), minval=-5.0, maxval=5.0)
    adam = optax.adam(1e-2)
    distribution = {
        "open_es": lambda: algorithms.Open_ES(population, zero, optimizer=adam),
        "snes": lambda: algorithms.SNES(population, zero),
        "pgpe": lambda: algorithms.PGPE(population, zero, optimizer=adam),
        "sep_cma_es": lambda: algorithms.Sep_CMA_ES(population, zero),
        "cma_es": lambda: algorithms.CMA_ES(population, zero),
    }
    kind = name.rsplit("_", 1)[0]
    if kind in distribution:
        algorithm = distribution[kind]()
        params = algorithm.default_params
        state = algorithm.init(key, start, params)
    else:
        algorithm = {"ga": algorithms.SimpleGA, "de": algorithms.DifferentialEvolution}[kind](population, zero)
        params = algorithm.default_params
        if kind == "ga":
            params = params.replace(crossover_rate=0.5)
        people = jax.random.uniform(key, (population, dimension), minval=-5.0, maxval=5.0)
        state = algorithm.init(key, people, jnp.sum(people**2, axis=1), params)

    def generation(_, carry):
        key, state = carry
        key, ask, tell = jax.random.split(key, 3)
        population, state = algorithm.ask(ask, state, params)
        state, _ = algorithm.tell(tell, population, jnp.sum(population**2, axis=1), state, params)
        return key, state

    loop = jax.jit(lambda count, carry: jax.lax.fori_loop(0, count, generation, carry))
    carry = [(key, state)]

    def run(count):
        carry[0] = jax.block_until_ready(loop(count, carry[0]))

    return run


GENERATORS = []


def fastest_generator():
    import jax

    if not GENERATORS:
        times = {}
        for generator in ("threefry2x32", "rbg", "unsafe_rbg"):
            draw = jax.jit(lambda key: jax.random.normal(key, (1_000_000,)))
            keys = jax.random.split(jax.random.key(1, impl=generator), 8)
            draw(keys[0]).block_until_ready()
            seconds = []
            for key in keys:
                begin = time.perf_counter()
                draw(key).block_until_ready()
                seconds.append(time.perf_counter() - begin)
            times[generator] = min(seconds)
        GENERATORS.append(min(times, key=times.get))
        print(f"evosax: {GENERATORS[0]} of {times}", file=sys.stderr, flush=True)
    return GENERATORS[0]


def evotorch_runner(name, dimension, population):
    import torch
    from evotorch import Problem, algorithms
    from evotorch.tools.misc import set_default_logger_config

    set_default_logger_config(logger_level=50)
    problem = Problem(
        "min",
        lambda x: (x * x).sum(dim=-1),
        solution_length=dimension,
        initial_bounds=(-5, 5),
        dtype=torch.float32,
        vectorized=True,
    )
    searcher = {
        "open_es": lambda: algorithms.PGPE(
            problem,
            popsize=population,
            center_learning_rate=0.01,
            stdev_learning_rate=0.0,
            stdev_init=0.02,
            optimizer="adam",
            ranking_method="centered",
        ),
        "snes": lambda: algorithms.SNES(problem, popsize=population, stdev_init=3.0),
        "pgpe": lambda: algorithms.PGPE(
            problem,
            popsize=population,
            center_learning_rate=0.075,
            stdev_learning_rate=0.1,
            stdev_init=0.1,
            ranking_method="centered",
        ),
        "sep_cma_es": lambda: algorithms.CMAES(problem, popsize=population, stdev_init=3.0, separable=True),
        "cma_es": lambda: algorithms.CMAES(problem, popsize=population or None, stdev_init=3.0),
    }[name.rsplit("_", 1)[0]]()

    def run(count):
        for _ in range(count):
            searcher.step()

    return run


def pycma_runner(name, dimension, population):
    import cma
    import numpy

    start = numpy.random.default_rng(1).uniform(-5, 5, dimension)
    strategy = cma.CMAEvolutionStrategy(start, 3.0, {"verbose": -9, "seed": 1})

    def run(count):
        for _ in range(count):
            x = strategy.ask()
            strategy.tell(x, list(numpy.square(x).sum(axis=1)))

    return run


PEERS = {
    "evosax": (evosax_runner, [name for name in CASES if not name.startswith("cma_es")]),
    "evotorch": (evotorch_runner, ["open_es_10k", "snes_10k", "pgpe_10k", "sep_cma_es_10k"]),
    "pycma": (pycma_runner, ["cma_es_100", "cma_es_1k"]),
}


def measure(peer, name, runners, seconds):
    if name not in runners:
        runners[name] = PEERS[peer][0](name, *CASES[name])
        runners[name](2)
    run = runners[name]
    begin = time.perf_counter()
    run(1)
    count = max(1, int(min(0.3, seconds / 5) / (time.perf_counter() - begin)))
    best, processor = 0.0, float("inf")
    while True:
        start, before = time.perf_counter(), time.process_time()
        run(count)
        elapsed = time.perf_counter() - start
        best = max(best, count / elapsed)
        processor = min(processor, (time.process_time() - before) / count)
        if time.perf_counter() - begin > seconds:
            break
    row = {"case": name, "peer": peer, "generations_per_second": best, "processor_ms": processor * 1e3}
    print(json.dumps(row), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--serve", action="store_true")
    arguments = parser.parse_args()
    runners = {}
    if arguments.serve:
        for line in sys.stdin:
            if line.strip() in PEERS[arguments.peer][1]:
                measure(arguments.peer, line.strip(), runners, arguments.seconds)
            else:
                print("null", flush=True)
    for name in [] if arguments.serve else arguments.cases or PEERS[arguments.peer][1]:
        measure(arguments.peer, name, runners, arguments.seconds)


if __name__ == "__main__":
    main()
