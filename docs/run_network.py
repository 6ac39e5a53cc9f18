#!/usr/bin/env python3
"""Runs a network exported by `evolvent export RUN_DIR --format json -o network.json`. Needs Python alone.

    from run_network import Network
    network = Network("network.json")
    outputs = network.step([0.1, 0.0, -0.02, 0.3])    # {"output": [...], "action": 1}
    network.reset()                                   # a new episode: recurrent state back to its start

On the command line: one observation per line as a JSON array on standard input, one object of outputs per line back.
"""

import json
import math
import sys


class Network:
    """A list of operations on nested sizes and flat lists, carried out one after the other."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        if content["format"] != "evolvent.network" or content["version"] > 1:
            raise ValueError(f"{path} is no network file of a version that this runner knows")
        self.about = content.get("about", {})
        self.program = content["program"]
        self.constants = {
            c["name"]: (c["shape"], [float(v) for v in c["data"]]) for c in self.program["initializers"]
        }
        self.reset()

    def reset(self):
        """The start of an episode."""
        self.states = {
            s["input"]["name"]: (s["input"]["shape"], [float(v) for v in s["initial"]]) for s in self.program["states"]
        }

    def step(self, observation):
        """One step: the observation as a flat list, the outputs by name."""
        port = self.program["inputs"][0]
        if len(observation) != math.prod(port["shape"]):
            raise ValueError(f"expected {math.prod(port['shape'])} numbers, found {len(observation)}")
        values = {**self.constants, **self.states, port["name"]: (port["shape"], list(map(float, observation)))}
        for op in self.program["ops"]:
            values[op["output"]] = apply(op["kind"], [values[name] for name in op["inputs"]])
        self.states = {s["input"]["name"]: values[s["output"]] for s in self.program["states"]}
        return {
            port["name"]: values[port["name"]][1] if port["shape"] else values[port["name"]][1][0]
            for port in self.program["outputs"]
        }


def apply(kind, operands):
    """One operation on (shape, numbers) pairs."""
    name, settings = (kind, {}) if isinstance(kind, str) else next(iter(kind.items()))
    shape, x = operands[0]
    if name in ("mat_mul", "gemm"):
        (rows, columns), weights = operands[1]
        bias = operands[2][1] if name == "gemm" else [0.0] * columns
        return [columns], [
            bias[c] + sum(x[r] * weights[r * columns + c] for r in range(rows)) for c in range(columns)
        ]
    if name == "conv":
        return conv(operands, settings["stride"], settings["padding"])
    if name in ("max_pool", "average_pool"):
        return pool(shape, x, settings["size"], settings["stride"], max if name == "max_pool" else mean)
    if name == "flatten":
        return [len(x)], x
    if name == "reshape":
        return settings["shape"], x
    if name == "concat":
        axis = settings["axis"]
        outer = math.prod(shape[:axis])
        runs = [(data, len(data) // outer) for _, data in operands]
        joined = [v for o in range(outer) for data, run in runs for v in data[o * run : (o + 1) * run]]
        return shape[:axis] + [sum(s[axis] for s, _ in operands)] + shape[axis + 1 :], joined
    if name == "slice":
        return choose(shape, x, settings["axis"], range(settings["start"], settings["end"]))
    if name == "gather":
        return choose(shape, x, settings["axis"], settings["indices"])
    if name in PAIRWISE:
        other, y = operands[1]
        whole = shape if len(x) >= len(y) else other
        places = range(math.prod(whole))
        f = PAIRWISE[name]
        return whole, [f(x[place(i, whole, shape)], y[place(i, whole, other)]) for i in places]
    if name == "activate":
        return shape, [ACTIVATIONS[settings](v) for v in x]
    if name == "clip":
        return shape, [min(max(v, settings["low"]), settings["high"]) for v in x]
    last = shape[-1]
    rows = [x[i : i + last] for i in range(0, len(x), last)]
    if name == "softmax":
        return shape, [v for row in rows for v in softmax(row)]
    if name == "arg_max":
        return shape[:-1], [row.index(max(row)) for row in rows]
    if name == "reduce":
        return shape[:-1] + [1], [REDUCTIONS[settings](row) for row in rows]
    raise ValueError(f"unknown operation {name}")


def place(flat, large, small):
    """Where entry `flat` of the shape `large` lies in a shape that broadcasts to it."""
    at, stride = 0, 1
    for axis in range(1, len(large) + 1):
        flat, coordinate = divmod(flat, large[-axis])
        if axis <= len(small):
            at += coordinate * stride if small[-axis] > 1 else 0
            stride *= small[-axis]
    return at


def choose(shape, x, axis, indices):
    before, length, after = math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])
    data = [x[(o * length + i) * after + j] for o in range(before) for i in indices for j in range(after)]
    return shape[:axis] + [len(indices)] + shape[axis + 1 :], data


def pool(shape, x, size, stride, reduce):
    channels, height, width = shape
    rows, columns = (height - size[0]) // stride[0] + 1, (width - size[1]) // stride[1] + 1
    window = [(i, j) for i in range(size[0]) for j in range(size[1])]
    data = [
        reduce([x[(c * height + r * stride[0] + i) * width + k * stride[1] + j] for i, j in window])
        for c in range(channels)
        for r in range(rows)
        for k in range(columns)
    ]
    return [channels, rows, columns], data


def conv(operands, stride, padding):
    (channels, height, width), x = operands[0]
    (filters, _, kernel_height, kernel_width), weights = operands[1]
    bias = operands[2][1] if len(operands) > 2 else [0.0] * filters
    rows = (height + 2 * padding[0] - kernel_height) // stride[0] + 1
    columns = (width + 2 * padding[1] - kernel_width) // stride[1] + 1
    data = []
    for f in range(filters):
        for r in range(rows):
            for k in range(columns):
                total = bias[f]
                for c in range(channels):
                    for i in range(kernel_height):
                        for j in range(kernel_width):
                            y, z = r * stride[0] + i - padding[0], k * stride[1] + j - padding[1]
                            if 0 <= y < height and 0 <= z < width:
                                weight = weights[((f * channels + c) * kernel_height + i) * kernel_width + j]
                                total += weight * x[(c * height + y) * width + z]
                data.append(total)
    return [filters, rows, columns], data


def mean(values):
    return sum(values) / len(values)


def softmax(row):
    powers = [math.exp(v - max(row)) for v in row]
    return [p / sum(powers) for p in powers]


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def gelu(x):
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


PAIRWISE = {
    "add": lambda p, q: p + q,
    "sub": lambda p, q: p - q,
    "mul": lambda p, q: p * q,
    "div": lambda p, q: p / q if q else p * math.copysign(math.inf, q) if p else math.nan,
    "max": max,
    "min": min,
}

REDUCTIONS = {"sum": sum, "mean": mean, "product": math.prod, "max": max, "min": min,
              "max_abs": lambda values: max(values, key=abs)}

ACTIVATIONS = {
    "linear": lambda x: x,
    "tanh": math.tanh,
    "sigmoid": sigmoid,
    "relu": lambda x: max(x, 0.0),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "gelu": gelu,
    "silu": lambda x: x * sigmoid(x),
    "softplus": lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
    "sin": math.sin,
    "cos": math.cos,
    "gauss": lambda x: math.exp(-x * x),
    "abs": abs,
    "step": lambda x: 1.0 if x > 0 else 0.0,
    "sign": lambda x: (x > 0) - (x < 0),
}


if __name__ == "__main__":
    network = Network(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(network.step(json.loads(line))), flush=True)
