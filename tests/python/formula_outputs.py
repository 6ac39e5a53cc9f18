"""Imports exported formulas and carries them out.

formula_outputs.py DIR: for each DIR/NAME.formula.py reads the steps in DIR/NAME.json and writes all outputs of all steps,
one after the other, to DIR/NAME.out.json.
"""

import importlib.util
import json
import pathlib
import sys

sys.dont_write_bytecode = True


def flat(value):
    return [x for v in value for x in flat(v)] if isinstance(value, (list, tuple)) else [float(value)]


for path in sorted(pathlib.Path(sys.argv[1]).glob("*.formula.py")):
    spec = importlib.util.spec_from_file_location("formula", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    stem = path.with_suffix("").with_suffix("")
    state, results = getattr(module, "INITIAL_STATE", None), []
    for x in json.loads(stem.with_suffix(".json").read_text()):
        if state is None:
            results += flat(module.network(x))
        else:
            *outputs, state = module.network(x, state)
            results += flat(outputs)
    stem.with_suffix(".out.json").write_text(json.dumps(results))
