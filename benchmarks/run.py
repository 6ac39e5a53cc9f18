"""Runs peers and Evolvent in turn on the same cores and prints ratios.

    python benchmarks/run.py rollouts|cartpole|vectors|cnn|neat [--repeats N] [--peers PYTHON] [--torch PYTHON]

PYTHON is an interpreter with benchmarks/requirements.txt installed; that of --torch has torch and evotorch, without it EvoTorch is left
out. Figures are medians over the repeats; a ratio is
taken within each repeat, so that a machine whose speed drifts is fair to both sides.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
GYMNASIUM_NAME = {"cart_pole": "CartPole-v1", "pendulum": "Pendulum-v1", "acrobot": "Acrobot-v1"}


def output(command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, **options).stdout


def ours_rollouts():
    """Steps per second on two threads, by environment."""
    rates = {}
    for line in output(["cargo", "bench", "--quiet", "-p", "evolvent-tasks", "--bench", "rollout"]).splitlines():
        fields = line.split()
        if fields and fields[0] in GYMNASIUM_NAME:
            rates[GYMNASIUM_NAME[fields[0]]] = float(fields[2]) * 1e6
    return rates


def rollouts(arguments):
    print("256 distinct 32-32 tanh policies, one auto-resetting environment each, 500 steps; million steps/s, two cores")
    print(f"{'environment':<14} {'evosax + gymnax':>16} {'evolvent':>10} {'ratio':>7} {'min':>7} {'max':>7}")
    ours_rollouts()  # builds
    theirs, ours = {}, {}
    for _ in range(arguments.repeats):
        for line in output([arguments.peers, HERE / "peers_rollouts.py"]).splitlines():
            row = json.loads(line)
            theirs.setdefault(row["environment"], []).append(row["steps_per_second"])
        for name, rate in ours_rollouts().items():
            ours.setdefault(name, []).append(rate)
    for name in theirs:
        ratios = [a / b for a, b in zip(ours[name], theirs[name])]
        print(
            f"{name:<14} {statistics.median(theirs[name]) / 1e6:>16.2f} {statistics.median(ours[name]) / 1e6:>10.2f}"
            f" {statistics.median(ratios):>7.1f} {min(ratios):>7.1f} {max(ratios):>7.1f}"
        )


def timed(command):
    begin = time.perf_counter()
    text = output(command)
    return time.perf_counter() - begin, text


def ours_cartpole(seed, directory):
    seconds, text = timed(
        [ROOT / "target/release/evolvent", "run", "experiments/cartpole.toml", "--json", "--quiet"]
        + ["--seed", str(seed), "--out", str(directory / f"run-{seed}")]
    )
    finished = json.loads(text.splitlines()[-1])
    assert finished["event"] == "finished", finished
    return seconds, finished["stopped_by"] == "target", finished["evaluations"]


def peer_cartpole(arguments, peer, seed):
    seconds, text = timed([arguments.peers, HERE / "peers_cartpole.py", peer, "--seed", str(seed)])
    row = json.loads(text.splitlines()[-1])
    return seconds, row["solved"], row["evaluations"]


def cartpole(arguments):
    print("CartPole-v1, process start to a policy with mean >= 475 over 100 fresh episodes")
    output(["cargo", "build", "--release", "--quiet"])
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        sides = {"evolvent": lambda seed: ours_cartpole(seed, directory)}
        for peer in ("neat-python", "pycma", "evosax"):
            sides[peer] = lambda seed, peer=peer: peer_cartpole(arguments, peer, seed)
        rows = {name: [] for name in sides}
        for seed in range(arguments.repeats):
            for name, run in sides.items():
                rows[name].append(run(seed))
    ours = [row[0] for row in rows["evolvent"]]
    print(f"{'':<12} {'median s':>9} {'min':>7} {'max':>7} {'solved':>8} {'evaluations':>12} {'ratio':>7}")
    for name, runs in rows.items():
        seconds = [row[0] for row in runs]
        ratio = statistics.median(a / b for a, b in zip(seconds, ours))
        print(
            f"{name:<12} {statistics.median(seconds):>9.3f} {min(seconds):>7.3f} {max(seconds):>7.3f}"
            f" {sum(row[1] for row in runs):>4}/{len(runs):<3} {statistics.median(row[2] for row in runs):>12.0f}"
            f" {ratio:>7.1f}"
        )


class Server:
    """A side of the suite `vectors`, which measures one case after another without starting anew."""

    def __init__(self, command):
        command = [str(part) for part in command]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
        )

    def measure(self, case):
        print(case, file=self.process.stdin, flush=True)
        # Some peers write their log between the answers.
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"{self.process.args[-4:]} ended without an answer")


# Case of ours: case of the peers, peers, ratio that is asked for.
VECTORS = {
    "open_es_10k": ("open_es_10k", ["evosax"], 4),
    "open_es_1m": ("open_es_1m", ["evosax"], 8),
    "snes_10k": ("snes_10k", ["evosax", "evotorch"], 5),
    "pgpe_10k": ("pgpe_10k", ["evosax", "evotorch"], 5),
    "sep_cma_es_10k": ("sep_cma_es_10k", ["evosax", "evotorch"], 5),
    "cma_es_100": ("cma_es_100", ["cmaes crate", "pycma"], 2),
    "cma_es_100_lazy": ("cma_es_100", ["cmaes crate"], 2),
    "cma_es_1k": ("cma_es_1k", ["pycma"], 2),
    "cma_es_1k_lazy": ("cma_es_1k", ["pycma"], 2),
    "ga_1k": ("ga_1k", ["evosax"], 5),
    "de_1k": ("de_1k", ["evosax"], 5),
}


def vectors(arguments):
    seconds = ["--seconds", "2", "--serve"]
    bench = ["cargo", "bench", "--quiet", "-p", "evolvent-tasks", "--bench", "vectors"]
    output([*bench, "--no-run"])
    crate = ROOT / "target/cmaes_crate"
    manifest = HERE / "cmaes_crate/Cargo.toml"
    output(["cargo", "build", "--release", "--quiet", "--manifest-path", manifest, "--target-dir", crate])
    sides = {
        "evolvent": Server([*bench, "--", *seconds]),
        "evosax": Server([arguments.peers, HERE / "peers_vectors.py", "evosax", *seconds]),
        "pycma": Server([arguments.peers, HERE / "peers_vectors.py", "pycma", *seconds]),
        "cmaes crate": Server([crate / "release/cmaes-crate", *seconds]),
    }
    if arguments.torch:
        sides["evotorch"] = Server([arguments.torch, HERE / "peers_vectors.py", "evotorch", *seconds])
    print("Generations per second (best window) and processor milliseconds per generation (least) on the sphere function")
    print(f"{'case':<16} {'side':<12} {'per second':>11} {'CPU ms':>9} {'ratio':>7} {'min':>6} {'max':>6} {'CPU':>6} {'asked':>6}")
    for case, (theirs, peers, asked) in VECTORS.items():
        rows = {}
        for _ in range(arguments.repeats):
            for side in ["evolvent", *(peer for peer in peers if peer in sides)]:
                rows.setdefault(side, []).append(sides[side].measure(case if side == "evolvent" else theirs))
        rate = lambda row: row["generations_per_second"]
        processor = lambda row: row["processor_ms"]
        for side, measured in rows.items():
            ratios = [rate(a) / rate(b) for a, b in zip(rows["evolvent"], measured)]
            work = min(map(processor, measured)) / min(map(processor, rows["evolvent"]))
            print(
                f"{case:<16} {side:<12} {max(map(rate, measured)):>11.2f} {min(map(processor, measured)):>9.3f}"
                f" {statistics.median(ratios):>7.2f} {min(ratios):>6.2f} {max(ratios):>6.2f} {work:>6.2f} {asked:>6}",
                flush=True,
            )
    for side in sides.values():
        side.process.stdin.close()
        side.process.wait()


def ours_cnn(threads):
    """Images x networks per second, and per second of processor time, by kind of population."""
    rates = {}
    command = ["cargo", "bench", "--quiet", "-p", "evolvent-tasks", "--bench", "cnn", "--", str(threads)]
    for line in output(command).splitlines():
        fields = line.split()
        rates[fields[0]] = (float(fields[3]), float(fields[7]))
    return rates


def cnn(arguments):
    print("256 distinct CNNs (8, pool, 16, pool, dense; 28x28) over 512 images; thousand images x networks/s")
    ours_cnn(1)  # builds
    for threads in (1, 2):
        theirs, ours = [], []
        for _ in range(arguments.repeats):
            row = json.loads(output([arguments.peers, HERE / "peers_cnn.py", "--threads", str(threads)]))
            theirs.append((row["rate"], row["own"]))
            ours.append(ours_cnn(threads))
        for clock, name in enumerate(("by the clock", "of processor time")):
            peer = statistics.median(row[clock] for row in theirs)
            print(f"{threads} threads, per second {name}: PyTorch {peer / 1e3:.1f}")
            for kind in ours[0]:
                rates = [row[kind][clock] for row in ours]
                ratios = [a / b[clock] for a, b in zip(rates, theirs)]
                print(
                    f"  {kind:<12} {statistics.median(rates) / 1e3:>8.1f}   ratio {statistics.median(ratios):>5.1f}"
                    f" ({min(ratios):.1f} to {max(ratios):.1f})"
                )


def neat(arguments):
    print("NEAT on XOR, two cores: past the solution, and until it is solved")
    example = ROOT / "target/release/examples/xor_speed"
    output(["cargo", "build", "--release", "--quiet", "-p", "evolvent-neat", "--example", "xor_speed"])
    crates, manifest = ROOT / "target/neat_crates", HERE / "neat_crates/Cargo.toml"
    output(["cargo", "build", "--release", "--quiet", "--manifest-path", manifest, "--target-dir", crates])
    sides = {
        "evolvent": lambda size, *rest: [example, size, "--preset", "modern", "--threads", "2", *rest],
        "neat-python": lambda size, *rest: [arguments.peers, HERE / "peers_neat.py", size, *rest],
        "radiate": lambda size, *rest: [crates / "release/neat-crates", "radiate", size, *rest],
        "crate neat": lambda size, *rest: [crates / "release/neat-crates", "neat", size, *rest],
    }
    print(f"{'population':>10} {'side':<12} {'generations/s':>14} {'evaluations/s':>14} {'ratio':>7} {'min':>7} {'max':>7}")
    for size in [150, 1000]:
        rows = {}
        for _ in range(arguments.repeats):
            for side, command in sides.items():
                rows.setdefault(side, []).append(json.loads(output(map(str, command(size, "--seconds", "6")))))
        rates = {side: [row["generations_per_second"] for row in measured] for side, measured in rows.items()}
        for side, measured in rows.items():
            ratios = [ours / theirs for ours, theirs in zip(rates["evolvent"], rates[side])]
            evaluations = statistics.median(row["evaluations_per_second"] for row in measured)
            print(
                f"{size:>10} {side:<12} {statistics.median(rates[side]):>14.1f} {evaluations:>14.0f}"
                f" {statistics.median(ratios):>7.1f} {min(ratios):>7.1f} {max(ratios):>7.1f}",
                flush=True,
            )
    print(f"{'population':>10} {'side':<12} {'solved':>7} {'median seconds':>15}   (20 runs, at most 300 generations)")
    for side, command in sides.items():
        row = json.loads(output(map(str, command(150, "--runs", "20"))))
        print(f"{150:>10} {side:<12} {row['solved']:>7} {row['median_seconds']:>15.4f}", flush=True)
    size = 10_000
    row = json.loads(output(map(str, sides["evolvent"](size, "--seconds", "20"))))
    print(f"{size:>10} {'evolvent':<12} {row['generations_per_second']:.1f} generations/s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=["rollouts", "cartpole", "vectors", "cnn", "neat"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--torch")
    arguments = parser.parse_args()
    suites = {"rollouts": rollouts, "cartpole": cartpole, "vectors": vectors, "cnn": cnn, "neat": neat}
    suites[arguments.suite](arguments)


if __name__ == "__main__":
    main()
