"""Writes the reference numbers of evosax: evosax_snes.json, evosax_pgpe.json, evosax_ars.json, evosax_open_es.json.

    pip install evosax==0.3.2 && python reference_evosax.py

A trajectory holds, for each generation, the noise and the values of the members and the state after it. Antithetic pairs are
neighbours here; evosax has all plus signs first.
"""

import json
from importlib.metadata import version

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import optax
from evosax.algorithms import ARS, PGPE, SNES, Open_ES
from evosax.core.fitness_shaping import centered_rank_fitness_shaping_fn, standardize_fitness_shaping_fn


def ellipsoid(x):
    return float(sum(1e6 ** (i / (len(x) - 1)) * v * v for i, v in enumerate(x)))


def rosenbrock(x):
    return float(sum(100 * (a * a - b) ** 2 + (a - 1) ** 2 for a, b in zip(x, x[1:])))


FUNCTIONS = [("ellipsoid", ellipsoid, 4, 8), ("rosenbrock", rosenbrock, 5, 12)]


def write(name, runs):
    with open(name, "w") as f:
        json.dump({"reference": f"evosax {version('evosax')}", "runs": runs}, f, separators=(",", ":"))
        f.write("\n")


def lists(x):
    return np.asarray(x, dtype=float).tolist()


def run(make, sigma, record, extra, mirrored, generations=6):
    runs = []
    for name, f, n, size in FUNCTIONS:
        es = make(size, n)
        params = es.default_params.replace(std_init=sigma) if sigma is not None else es.default_params
        key = jax.random.key(3)
        state = es.init(key, jnp.full(n, 0.6), params)
        order = [k // 2 + (k % 2) * (size // 2) for k in range(size)] if mirrored else list(range(size))
        steps = []
        for g in range(generations):
            population, state = es.ask(jax.random.fold_in(key, 2 * g), state, params)
            values = jnp.array([f(np.asarray(x)) for x in population])
            noise = (population - state.mean) / state.std if not hasattr(state, "z") else state.z
            step = {
                "noise": lists(noise) if not mirrored else [lists(noise)[k] for k in order],
                "values": [float(values[k]) for k in order],
            }
            state, _ = es.tell(jax.random.fold_in(key, 2 * g + 1), population, values, state, params)
            step["mean"] = lists(state.mean)
            if record == "std":
                step["std"] = lists(state.std)
            steps.append(step)
        content = {"function": name, "dimension": n, "mean": n * [0.6], "steps": steps}
        if sigma is not None:
            content["sigma"] = sigma
        runs.append(content | (extra(es, params) if callable(extra) else extra))
    return runs


write("evosax_snes.json", run(lambda size, n: SNES(size, jnp.zeros(n)), 0.3, "std", {}, False))
write(
    "evosax_pgpe.json",
    run(
        lambda size, n: PGPE(size, jnp.zeros(n), optimizer=optax.sgd(0.7)),
        0.3,
        "std",
        {"learning_rate": 0.7},
        True,
    ),
)
write(
    "evosax_ars.json",
    run(
        lambda size, n: ARS(
            size, jnp.zeros(n), optimizer=optax.sgd(0.05), std_schedule=optax.constant_schedule(0.3)
        ),
        None,
        "",
        lambda es, _: {"learning_rate": 0.05, "top_directions": es.num_elites},
        True,
    ),
)


def open_es(name, optimizer, shaping=centered_rank_fitness_shaping_fn):
    return run(
        lambda size, n: Open_ES(
            size,
            jnp.zeros(n),
            optimizer=optimizer,
            std_schedule=optax.constant_schedule(0.2),
            fitness_shaping_fn=shaping,
        ),
        None,
        "",
        {"optimizer": name, "sigma": 0.2, "learning_rate": 0.05},
        True,
    )


write(
    "evosax_open_es.json",
    open_es("sgd", optax.sgd(0.05))
    + open_es("adam", optax.adam(0.05))
    + open_es("momentum_on_z_scores", optax.sgd(0.05, momentum=0.9), standardize_fitness_shaping_fn)
    + open_es("adam_with_decay", optax.chain(optax.add_decayed_weights(0.3), optax.adam(0.05))),
)
