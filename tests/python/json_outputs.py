"""Runs exported networks in docs/run_network.py.

json_outputs.py DIR: as onnx_outputs.py, for each DIR/NAME.network.json.
"""

import json
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "docs"))
from run_network import Network  # noqa: E402

for path in sorted(pathlib.Path(sys.argv[1]).glob("*.network.json")):
    stem = path.with_suffix("").with_suffix("")
    steps = json.loads(stem.with_suffix(".json").read_text())
    lanes = [Network(path) for _ in steps[0]]
    results = []
    for step in steps:
        outputs = [list(lane.step(x).values()) for lane, x in zip(lanes, step)]
        as_lists = [[v if isinstance(v, list) else [v] for v in output] for output in outputs]
        results.append([list(by_lane) for by_lane in zip(*as_lists)])
    stem.with_suffix(".out.json").write_text(json.dumps(results).replace("Infinity", "1e999"))
