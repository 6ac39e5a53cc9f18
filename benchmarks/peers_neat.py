"""Generations of NEAT per second on XOR by neat-python, with its own XOR settings, in one process.

    python peers_neat.py POPULATION [--seconds S] [--runs N]

Runs of 100 generations from fresh seeds until the time is over, past the solution. Prints one JSON line. One process: its
process pool costs more than an evaluation of XOR. With --runs it tells instead how many of N runs solved XOR (all four outputs
on the right side of one half) within 300 generations, and the median seconds that they took; unsolved ones count as the longest.
"""

import argparse
import json
import random
import tempfile
import time

from peers_cartpole import NEAT_CONFIG

CASES = [((0.0, 0.0), 0.0), ((0.0, 1.0), 1.0), ((1.0, 0.0), 1.0), ((1.0, 1.0), 0.0)]


def config_text(population):
    """The configuration of its XOR example, from that of our CartPole comparison."""
    changes = {
        "pop_size": population,
        "num_inputs": 2,
        "num_outputs": 1,
        "initial_connection": "full_direct",
        "activation_default": "sigmoid",
        "activation_options": "sigmoid",
        "conn_add_prob": 0.5,
        "conn_delete_prob": 0.5,
        "node_add_prob": 0.2,
        "node_delete_prob": 0.2,
    }
    lines = []
    for line in NEAT_CONFIG.splitlines():
        name = line.split("=")[0].strip()
        lines.append(f"{name} = {changes[name]}" if name in changes else line)
    return "\n".join(lines)


class Over(Exception):
    """The run has done what was asked of it."""


def run(neat, config, seed, generations, over):
    """One run, until `over` says so after a generation; it is told whether somebody has solved XOR."""

    def evaluate(genomes, config):
        solved = False
        for _, genome in genomes:
            net = neat.nn.FeedForwardNetwork.create(genome, config)
            outputs = [net.activate(x)[0] for x, _ in CASES]
            genome.fitness = 4.0 - sum((y - t) ** 2 for y, (_, t) in zip(outputs, CASES))
            solved = solved or all((y > 0.5) == (t > 0.5) for y, (_, t) in zip(outputs, CASES))
        if over(solved):
            raise Over

    random.seed(seed)
    try:
        neat.Population(config).run(evaluate, generations)
    except Over:
        return True
    return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("population", type=int)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--runs", type=int)
    arguments = parser.parse_args()
    import neat

    with tempfile.NamedTemporaryFile("w", suffix=".ini", delete=False) as file:
        file.write(config_text(arguments.population))
    config = neat.Config(
        neat.DefaultGenome, neat.DefaultReproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation, file.name
    )
    if arguments.runs:
        taken = []
        for seed in range(arguments.runs):
            begin = time.perf_counter()
            solved = run(neat, config, seed, 300, lambda solved: solved)
            taken.append((not solved, time.perf_counter() - begin))
        taken.sort()
        row = {"runs": len(taken), "solved": sum(not unsolved for unsolved, _ in taken)}
        print(json.dumps(row | {"median_seconds": taken[len(taken) // 2][1]}))
        return
    generations = 0
    begin = time.perf_counter()

    def over(_):
        nonlocal generations
        generations += 1
        return time.perf_counter() - begin >= arguments.seconds

    seed = 0
    while not run(neat, config, seed, 100, over):
        seed += 1
    rate = generations / (time.perf_counter() - begin)
    row = {"population": arguments.population, "generations_per_second": rate}
    print(json.dumps(row | {"evaluations_per_second": rate * arguments.population}))


if __name__ == "__main__":
    main()
