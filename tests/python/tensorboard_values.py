"""Reads event files with TensorBoard's own reader.

tensorboard_values.py DIR: writes DIR/values.json: for each curve its [step, value] pairs, for each histogram its
[step, min, max, number, sum].
"""

import json
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

root = pathlib.Path(sys.argv[1])
events = EventAccumulator(str(root / "tensorboard"))
events.Reload()
tags = events.Tags()
values = {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags["scalars"]}
for tag in tags["histograms"]:
    values[tag] = [
        [h.step, v.min, v.max, v.num, v.sum] for h in events.Histograms(tag) for v in [h.histogram_value]
    ]
(root / "values.json").write_text(json.dumps(values))
