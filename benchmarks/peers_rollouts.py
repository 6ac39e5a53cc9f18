"""Environment steps per second of evosax + gymnax: 256 distinct two-layer tanh policies, each with one
auto-resetting environment, 500 steps, one jitted call. Prints one JSON line per environment.

    python peers_rollouts.py [CartPole-v1 Pendulum-v1 Acrobot-v1] [--repeats N]
"""

import argparse
import json
import time

import gymnax
import jax
import jax.numpy as jnp
from evosax.algorithms import Open_ES

POPULATION, STEPS, HIDDEN = 256, 500, 32


def build(name):
    env, env_params = gymnax.make(name)
    observation = env.observation_space(env_params).shape[0]
    space = env.action_space(env_params)
    discrete = hasattr(space, "n")
    outputs = space.n if discrete else space.shape[0]
    sizes = [observation, HIDDEN, HIDDEN, outputs]
    template = [
        {"w": jnp.zeros((i, o)), "b": jnp.zeros((o,))} for i, o in zip(sizes[:-1], sizes[1:])
    ]

    def act(weights, x):
        for layer in weights[:-1]:
            x = jnp.tanh(x @ layer["w"] + layer["b"])
        x = x @ weights[-1]["w"] + weights[-1]["b"]
        return jnp.argmax(x) if discrete else 2.0 * jnp.tanh(x)

    def rollout(weights, key):
        key, reset = jax.random.split(key)
        obs, state = env.reset(reset, env_params)

        def step(carry, key):
            obs, state, total = carry
            obs, state, reward, *_ = env.step(key, state, act(weights, obs), env_params)
            return (obs, state, total + reward), None

        (_, _, total), _ = jax.lax.scan(step, (obs, state, 0.0), jax.random.split(key, STEPS))
        return total

    algorithm = Open_ES(population_size=POPULATION, solution=template)
    params = algorithm.default_params
    key = jax.random.key(0)
    state = algorithm.init(key, template, params)
    population, _ = jax.jit(algorithm.ask)(key, state, params)
    return population, jax.jit(jax.vmap(rollout))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("environments", nargs="*", default=["CartPole-v1", "Pendulum-v1", "Acrobot-v1"])
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    for name in arguments.environments:
        population, evaluate = build(name)
        keys = jax.random.split(jax.random.key(1), POPULATION)
        evaluate(population, keys).block_until_ready()
        seconds = []
        for _ in range(arguments.repeats):
            begin = time.perf_counter()
            evaluate(population, keys).block_until_ready()
            seconds.append(time.perf_counter() - begin)
        seconds.sort()
        rates = [POPULATION * STEPS / s for s in seconds]
        print(
            json.dumps(
                {
                    "environment": name,
                    "steps_per_second": rates[len(rates) // 2],
                    "best": rates[0],
                    "worst": rates[-1],
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
