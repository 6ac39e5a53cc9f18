"""Evaluates COCO's suite `bbob` for tests/coco.rs to compare with (needs the package coco-experiment).

    values.py INSTANCES POINTS > FILE    e.g. 1-15 10; one line per problem:
                                         function instance dimension best_value value value ...

The coordinates of point k are exact fractions of a grid, a little beyond the region of interest.
"""

import sys

import cocoex


def coordinate(function, k, i):
    return 11.0 * (((k + 1) * 7919 * (i + 1) + 3571 * i * i + 131 * function) % 10007) / 10007.0 - 5.5


def main():
    first, last = map(int, sys.argv[1].split("-"))
    print(f"# coco-experiment {cocoex.__version__}; written by values.py {' '.join(sys.argv[1:])}")
    for function in range(1, 25):
        for dimension in (2, 3, 5, 10, 20, 40):
            for instance in range(first, last + 1):
                problem = cocoex.BareProblem("bbob", function, dimension, instance)
                values = [problem.best_value()]
                for k in range(int(sys.argv[2])):
                    values.append(problem([coordinate(function, k, i) for i in range(dimension)]))
                print(function, instance, dimension, *(f"{value:.17g}" for value in values))


main()
