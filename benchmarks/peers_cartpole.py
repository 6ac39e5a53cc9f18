"""CartPole-v1 by a peer, from process start to a policy with a mean of at least 475 over 100 fresh episodes.

    python peers_cartpole.py neat-python|pycma|evosax [--seed N]

Prints one JSON line: solved, evaluations, mean. The caller times the whole process.
"""

import argparse
import json

TARGET, EPISODES = 475.0, 100


def mlp(weights, observations, sizes, np):
    x, offset = observations, 0
    for layer, (i, o) in enumerate(zip(sizes[:-1], sizes[1:])):
        w = weights[..., offset : offset + i * o].reshape(*weights.shape[:-1], i, o)
        b = weights[..., offset + i * o : offset + i * o + o]
        offset += i * o + o
        x = np.einsum("...i,...io->...o", x, w) + b
        if layer + 2 < len(sizes):
            x = np.tanh(x)
    return x


def pycma(seed):
    import cma
    import gymnasium
    import numpy as np

    sizes = [4, 8, 2]
    dimension = sum(i * o + o for i, o in zip(sizes[:-1], sizes[1:]))
    strategy = cma.CMAEvolutionStrategy(np.zeros(dimension), 0.5, {"seed": seed + 1, "verbose": -9, "popsize": 16})
    envs = gymnasium.make_vec("CartPole-v1", num_envs=16, vectorization_mode="vector_entry_point")
    judge = gymnasium.make_vec("CartPole-v1", num_envs=EPISODES, vectorization_mode="vector_entry_point")

    def returns(env, weights, seed):
        observations, _ = env.reset(seed=seed)
        alive, total = np.ones(env.num_envs, bool), np.zeros(env.num_envs)
        while alive.any():
            actions = mlp(weights, observations, sizes, np).argmax(-1)
            observations, rewards, terminated, truncated, _ = env.step(actions)
            total += rewards * alive
            alive &= ~(terminated | truncated)
        return total

    evaluations = 0
    for generation in range(1000):
        population = np.array(strategy.ask())
        scores = returns(envs, population, seed * 100_003 + generation)
        evaluations += len(population)
        strategy.tell(population, -scores)
        if scores.mean() >= 0.8 * TARGET:
            mean = returns(judge, np.tile(strategy.mean, (EPISODES, 1)), seed + 7_000_000).mean()
            if mean >= TARGET:
                return True, evaluations, mean
    return False, evaluations, 0.0


def evosax(seed):
    import gymnax
    import jax
    import jax.numpy as jnp
    import optax
    from evosax.algorithms import Open_ES

    env, params = gymnax.make("CartPole-v1")
    template = [{"w": jnp.zeros((i, o)), "b": jnp.zeros((o,))} for i, o in [(4, 32), (32, 2)]]

    def episode(weights, key):
        key, reset = jax.random.split(key)
        obs, state = env.reset(reset, params)

        def step(carry, key):
            obs, state, total, alive = carry
            action = jnp.argmax(jnp.tanh(obs @ weights[0]["w"] + weights[0]["b"]) @ weights[1]["w"] + weights[1]["b"])
            obs, state, reward, *flags = env.step(key, state, action, params)
            total = total + reward * alive
            done = flags[0] if len(flags) == 2 else jnp.logical_or(flags[0], flags[1])
            return (obs, state, total, alive * (1.0 - done)), None

        (_, _, total, _), _ = jax.lax.scan(step, (obs, state, 0.0, 1.0), jax.random.split(key, 500))
        return total

    fitness = jax.jit(
        lambda population, key: jax.vmap(
            lambda w: jax.vmap(lambda k: episode(w, k))(jax.random.split(key, 4)).mean()
        )(population)
    )
    judge = jax.jit(lambda w, key: jax.vmap(lambda k: episode(w, k))(jax.random.split(key, EPISODES)).mean())
    # its defaults (sigma 1, SGD 0.001) do not learn this; these settings do, in few generations
    strategy = Open_ES(
        population_size=64,
        solution=template,
        optimizer=optax.adam(0.1),
        std_schedule=optax.constant_schedule(0.3),
    )
    settings = strategy.default_params
    key = jax.random.key(seed)
    state = strategy.init(key, template, settings)
    ask, tell = jax.jit(strategy.ask), jax.jit(strategy.tell)
    evaluations = 0
    for generation in range(1000):
        key, a, b, c, d = jax.random.split(key, 5)
        population, state = ask(a, state, settings)
        scores = fitness(population, b)
        evaluations += 64
        state, _ = tell(c, population, -scores, state, settings)
        if scores.mean() >= 0.8 * TARGET:
            mean = float(judge(strategy.get_mean(state), d))
            if mean >= TARGET:
                return True, evaluations, mean
    return False, evaluations, 0.0


NEAT_CONFIG = """
[NEAT]
fitness_criterion = max
fitness_threshold = 1e9
no_fitness_termination = True
pop_size = 50
reset_on_extinction = True
[DefaultGenome]
num_inputs = 4
num_outputs = 2
num_hidden = 0
initial_connection = full_direct
feed_forward = True
single_structural_mutation = False
structural_mutation_surer = default
compatibility_disjoint_coefficient = 1.0
compatibility_weight_coefficient = 0.5
conn_add_prob = 0.2
conn_delete_prob = 0.2
node_add_prob = 0.2
node_delete_prob = 0.2
activation_default = tanh
activation_options = tanh
activation_mutate_rate = 0.0
aggregation_default = sum
aggregation_options = sum
aggregation_mutate_rate = 0.0
bias_init_type = gaussian
bias_init_mean = 0.0
bias_init_stdev = 1.0
bias_replace_rate = 0.1
bias_mutate_rate = 0.7
bias_mutate_power = 0.5
bias_max_value = 30.0
bias_min_value = -30.0
response_init_type = gaussian
response_init_mean = 1.0
response_init_stdev = 0.0
response_replace_rate = 0.0
response_mutate_rate = 0.0
response_mutate_power = 0.0
response_max_value = 30.0
response_min_value = -30.0
weight_init_type = gaussian
weight_init_mean = 0.0
weight_init_stdev = 1.0
weight_replace_rate = 0.1
weight_mutate_rate = 0.8
weight_mutate_power = 0.5
weight_max_value = 30
weight_min_value = -30
enabled_default = True
enabled_mutate_rate = 0.01
enabled_rate_to_true_add = 0.0
enabled_rate_to_false_add = 0.0
[DefaultSpeciesSet]
compatibility_threshold = 3.0
[DefaultStagnation]
species_fitness_func = max
max_stagnation = 20
species_elitism = 2
[DefaultReproduction]
elitism = 2
survival_threshold = 0.2
min_species_size = 2
"""


def neat_python(seed):
    import random
    import tempfile

    import gymnasium
    import neat

    with tempfile.NamedTemporaryFile("w", suffix=".ini", delete=False) as file:
        file.write(NEAT_CONFIG)
    random.seed(seed)
    config = neat.Config(
        neat.DefaultGenome, neat.DefaultReproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation, file.name
    )
    env = gymnasium.make("CartPole-v1").unwrapped
    env.reset(seed=seed)

    def episode(net):
        observation, _ = env.reset()
        for step in range(500):
            outputs = net.activate(observation)
            observation, _, terminated, _, _ = env.step(int(outputs[1] > outputs[0]))
            if terminated:
                return step + 1
        return 500

    class Solved(Exception):
        pass

    evaluations = 0

    def evaluate(genomes, config):
        nonlocal evaluations
        for _, genome in genomes:
            net = neat.nn.FeedForwardNetwork.create(genome, config)
            evaluations += 1
            genome.fitness = float(episode(net))
            if genome.fitness >= 500:
                mean = sum(episode(net) for _ in range(EPISODES)) / EPISODES
                if mean >= TARGET:
                    raise Solved(mean)

    try:
        neat.Population(config).run(evaluate, 200)
    except Solved as solved:
        return True, evaluations, solved.args[0]
    return False, evaluations, 0.0


def main():
    parser = argparse.ArgumentParser()
    peers = {"neat-python": neat_python, "pycma": pycma, "evosax": evosax}
    parser.add_argument("peer", choices=peers)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    solved, evaluations, mean = peers[arguments.peer](arguments.seed)
    print(json.dumps({"solved": solved, "evaluations": evaluations, "mean": float(mean)}))


if __name__ == "__main__":
    main()
