"""Steps Gymnasium's environments and writes what happened, for tests/gymnasium.rs to compare with.

    transitions.py ENV STEPS > FILE      little-endian float64 rows: state, steps before, action, next state,
                                         observation, reward, terminated, truncated
    transitions.py --fixture > FILE      the same for all environments as text: a header line `ENV states observations`,
                                         then some rows with every kind of end among them

The policies alternate between random actions and a crude controller, so that every kind of end is met.
"""

import sys

import gymnasium as gym
import numpy as np


def sign(x):
    return 1.0 if x >= 0 else -1.0


CONTROLLERS = {
    "CartPole-v1": lambda s, step: int(s[2] + 0.5 * s[3] + 0.02 * s[0] + 0.1 * s[1] > 0),
    "MountainCar-v0": lambda s, step: int(1 + sign(s[1])),
    "MountainCarContinuous-v0": lambda s, step: np.array([0.8 * sign(s[1])], dtype=np.float32),
    "Pendulum-v1": lambda s, step: np.array([2.0 * sign(s[1])], dtype=np.float32),
    "Acrobot-v1": lambda s, step: int(1 + sign(s[3])),
}


def transitions(name, steps):
    env = gym.make(name)
    rng = np.random.default_rng(1)
    env.action_space.seed(2)
    observation, _ = env.reset(seed=3)
    episode, step = 0, 0
    for _ in range(steps):
        state = np.array(env.unwrapped.state, dtype=np.float64)
        if episode % 2 == 0 or rng.random() < 0.05:
            action = env.action_space.sample()
        else:
            action = CONTROLLERS[name](state, step)
        observation, reward, terminated, truncated, _ = env.step(action)
        following = np.array(env.unwrapped.state, dtype=np.float64)
        yield np.concatenate(
            [state, [step], np.ravel(action), following, observation, [reward, terminated, truncated]]
        ).astype(np.float64)
        step += 1
        if terminated or truncated:
            env.reset()
            episode, step = episode + 1, 0


def main():
    if sys.argv[1] == "--fixture":
        print(f"# gymnasium {gym.__version__}, numpy {np.__version__}; written by transitions.py --fixture")
        for name in CONTROLLERS:
            observations = gym.make(name).observation_space.shape[0]
            rows = list(transitions(name, 6000))
            states = (len(rows[0]) - observations - 5) // 2
            ends = [i for i, row in enumerate(rows) if row[-1] or row[-2]][:16]
            spread = list(range(0, len(rows), len(rows) // 32))
            print(name, states, observations)
            for i in sorted(set(ends + spread)):
                print(" ".join(f"{x:.17g}" for x in rows[i]))
    else:
        for row in transitions(sys.argv[1], int(sys.argv[2])):
            sys.stdout.buffer.write(row.astype("<f8").tobytes())


main()
