"""Generations of NEAT per second on XOR by neat-python, with its own XOR settings, in one process.

    python peers_neat.py POPULATION [--seconds S]

Runs of 100 generations from fresh seeds until the time is over, past the solution. Prints one JSON line. One process: its
process pool costs more than an evaluation of XOR.
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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("population", type=int)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    import neat

    with tempfile.NamedTemporaryFile("w", suffix=".ini", delete=False) as file:
        file.write(config_text(arguments.population))
    config = neat.Config(
        neat.DefaultGenome, neat.DefaultReproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation, file.name
    )
    generations = 0
    begin = time.perf_counter()

    class Over(Exception):
        pass

    def evaluate(genomes, config):
        nonlocal generations
        for _, genome in genomes:
            net = neat.nn.FeedForwardNetwork.create(genome, config)
            genome.fitness = 4.0 - sum((net.activate(x)[0] - y) ** 2 for x, y in CASES)
        generations += 1
        if time.perf_counter() - begin >= arguments.seconds:
            raise Over

    seed = 0
    try:
        while True:
            random.seed(seed)
            seed += 1
            neat.Population(config).run(evaluate, 100)
    except Over:
        pass
    seconds = time.perf_counter() - begin
    row = {"population": arguments.population, "generations": generations, "seconds": seconds}
    print(json.dumps(row | {"generations_per_second": generations / seconds}))


if __name__ == "__main__":
    main()
