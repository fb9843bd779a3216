"""Does the activity gate find what differencing on every frame finds?

`stream_spec.py` says from a seed what an evaluation stream is, `rendering.py` and `objects.py` draw it, `encoding.py`
encodes it with the program ffmpeg, `trace.py` keeps what there is to see of it in `benchmarks/cache/gate`, `replay.py`
plays it to a gate as the gateway would, `evaluation.py` compares, `report.py` is the benchmark.
"""

from benchmarks.gate.report import run

__all__ = ["run"]
