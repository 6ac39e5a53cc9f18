"""Writes the reference numbers of evosax's SimpleGA, its form of Deep GA: evosax_deep_ga.json.

    pip install evosax==0.3.2 && python reference_deep_ga.py

`SimpleGA` is given the parents and the noise that Evolvent draws (streams.py; the noise within 2e-6). Without crossover it is Such et al. 2017 but for
their elite.
"""

from importlib.metadata import version
from types import SimpleNamespace

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
from evosax.algorithms.population_based import simple_ga
from functions import lists, rosenbrock, sphere, write
from streams import ASK, noise, stream

import optax

SEED, SIGMA = 15, 0.2


class Replay:
    """In place of `jax.random`: keys are indices of members."""

    def split(self, key, count=2):
        return jnp.arange(count)

    def choice(self, key, population, shape, p):
        assert bool(jnp.all(p[self.parents])), "parents are among the best"
        return population[self.parents]

    def uniform(self, key, shape):
        return jnp.zeros(shape)

    def normal(self, key, shape):
        return self.noise[key]


replay = Replay()
simple_ga.jax = SimpleNamespace(random=replay, vmap=jax.vmap, Array=jax.Array)

runs = []
with jax.disable_jit():
    for name, f, n, size in [("sphere", sphere, 5, 12), ("rosenbrock", rosenbrock, 4, 10)]:
        ga = simple_ga.SimpleGA(size, jnp.zeros(n), std_schedule=optax.constant_schedule(SIGMA))
        params = ga.default_params
        members = jnp.asarray(np.random.default_rng(4).uniform(-2, 2, (size, n)))
        values = [f(x) for x in np.asarray(members)]
        state = ga.init(jax.random.key(0), members, jnp.array(values), params)
        steps = [{"batch": lists(members), "values": values}]
        for generation in range(1, 9):
            ask = stream(SEED, generation, ASK)
            replay.parents = jnp.array([ask.below(ga.num_elites) for _ in range(size)])
            replay.noise = jnp.array([noise(ask.split(i), n) for i in range(size)])
            members, state = ga.ask(jax.random.key(0), state, params)
            values = [f(x) for x in np.asarray(members)]
            state, _ = ga.tell(jax.random.key(0), members, jnp.array(values), state, params)
            steps.append({"batch": lists(members), "values": values})
        runs.append(
            {
                "function": name,
                "dimension": n,
                "parents": int(ga.num_elites),
                "sigma": SIGMA,
                "seed": SEED,
                "steps": steps,
            }
        )
write("evosax_deep_ga.json", f"evosax {version('evosax')}", runs)
