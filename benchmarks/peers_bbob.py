"""IPOP-CMA-ES of pycma on the BBOB functions of COCO: one line per run, for `cargo xtask reproduce bbob --peer FILE`.

    python peers_bbob.py [--functions 1,2] [--dimensions 5] [--batches 10] [--processes 2] > FILE

sigma_0 = 2, x_0 uniform in [-4, 4]^D at every restart, the population doubled each time, all else by default. A run ends at the
first evaluation within 1e-8 of the optimum, or after 100,000*D evaluations.
"""

import argparse
import multiprocessing
import warnings

INSTANCES, PRECISION = 15, 1e-8


class Solved(Exception):
    pass


def run(setting):
    import cma
    import cocoex
    import numpy as np

    warnings.simplefilter("ignore")
    function, dimension, batch, instance, budget = setting
    problem = cocoex.BareProblem("bbob", function, dimension, instance)
    goal = problem.best_value() + PRECISION
    # pycma seeds NumPy's global generator itself, one further at each restart.
    seed = 100_000 * batch + 100 * instance
    starts = np.random.default_rng([function, dimension, batch, instance])
    count = 0

    def counted(x):
        nonlocal count
        count += 1
        value = problem(x)
        if value <= goal:
            raise Solved
        return value

    options = {"verbose": -9, "seed": seed + 1, "maxfevals": budget}
    try:
        cma.fmin2(counted, lambda: starts.uniform(-4, 4, dimension), 2.0, options, restarts=20)
    except Solved:
        return setting, count, 1
    return setting, count, 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--functions", default="1,2,8,10,11,15")
    parser.add_argument("--dimensions", default="5,20")
    parser.add_argument("--batches", type=int, default=10)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    numbers = lambda text: [int(n) for n in text.split(",")]
    settings = [
        (function, dimension, batch, instance, 100_000 * dimension)
        for dimension in numbers(arguments.dimensions)
        for function in numbers(arguments.functions)
        for batch in range(1, arguments.batches + 1)
        for instance in range(1, INSTANCES + 1)
    ]
    print("function,dimension,batch,instance,evaluations,solved")
    with multiprocessing.Pool(arguments.processes) as pool:
        for (function, dimension, batch, instance, _), evaluations, solved in pool.imap(run, settings):
            print(f"{function},{dimension},{batch},{instance},{evaluations},{solved}", flush=True)


if __name__ == "__main__":
    main()
