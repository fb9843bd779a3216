"""The `scores` of an answer, in whichever way it came: proof that a server runs the same model."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.serving import wire
from benchmarks.serving.servers import Answer

_DTYPES = {"FP32": np.float32, "INT64": np.int64}


def scores(answer: Answer) -> NDArray[np.float32]:
    """Of one row, float32 [classes]. Raises ValueError for an answer without."""
    length = answer.headers.get(wire.V2_LENGTH.lower())
    if length is not None:
        return _of_binary(json.loads(answer.body[: int(length)]), answer.body[int(length) :])
    if "json" in answer.headers.get("content-type", ""):
        return np.asarray(_output(json.loads(answer.body))["data"], np.float32).ravel()
    return np.frombuffer(answer.body, np.float32)


def _of_binary(header: Any, tensors: bytes) -> NDArray[np.float32]:
    start = 0
    for output in header["outputs"]:
        size = output["parameters"]["binary_data_size"]
        if output["name"] == "scores":
            return np.frombuffer(tensors[start : start + size], _DTYPES[output["datatype"]]).astype(np.float32)
        start += size
    raise ValueError("no output is called scores")


def _output(body: Any) -> Any:
    for output in body["outputs"]:
        if output["name"] == "scores":
            return output
    raise ValueError("no output is called scores")
