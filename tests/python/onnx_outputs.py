"""Runs exported networks in ONNX Runtime.

onnx_outputs.py DIR: for each DIR/NAME.onnx, checks the model, feeds it the observations in DIR/NAME.json
(steps x lanes x numbers) with its states carried from step to step, and writes what comes out to DIR/NAME.out.json
(steps x outputs x lanes x numbers).
"""

import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime

onnxruntime.set_default_logger_severity(3)


def run(path):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    steps = numpy.array(json.loads(path.with_suffix(".json").read_text()), dtype=numpy.float32)
    lanes = steps.shape[1]
    observation, *states = session.get_inputs()
    assert observation.shape[0] == "batch", observation.shape
    memory = {}
    for state in states:
        initial = json.loads(metadata["initial." + state.name])
        one = numpy.array(initial, dtype=numpy.float32).reshape([1] + state.shape[1:])
        memory[state.name] = numpy.repeat(one, lanes, axis=0)
    results = []
    for step in steps:
        given = {observation.name: step.reshape([lanes] + observation.shape[1:]), **memory}
        outputs = session.run(None, given)
        results.append([output.reshape(lanes, -1).tolist() for output in outputs[: len(outputs) - len(states)]])
        for state, value in zip(states, outputs[len(outputs) - len(states) :]):
            memory[state.name] = value
    path.with_suffix(".out.json").write_text(json.dumps(results))


for model in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")):
    try:
        run(model)
    except Exception as error:
        sys.exit(f"{model.name}: {error}")
