from typing import Any

import numpy as np
import pytest
from onnx import parser

from inference.build import trial
from inference.build.trial import Run, attempt
from inference.errors import ModelError
from tests.inference.build.networks import network


def written(text: str) -> bytes:
    data: bytes = parser.parse_model('<ir_version: 8, opset_import: ["": 17]>\n' + text).SerializeToString()
    return data


PICTURES = {"input": ("float32", (3, 3, 64, 64))}
KNOWN = network({"out": np.full((256, 4), 7, np.float32)})


def test_a_run_tells_what_came_out() -> None:
    (outcome,) = attempt(KNOWN, [Run(PICTURES, one_by_one=True)], "known.onnx")
    given = outcome.outputs["out"]
    assert (given.dtype, given.shape, given.finite, given.least, given.greatest) == ("float32", (3, 4), True, 7, 7)
    assert given.apart == 0
    assert outcome.seconds > 0


def test_a_batch_that_mixes_its_rows_is_noticed() -> None:
    mixes = "g (float[N, 4] x) => (float[N, 4] y) <int64[1] a = {0}> { s = ReduceMean <axes = [0]> (x) y = Sub (x, s) }"
    (outcome,) = attempt(written(mixes), [Run({"x": ("float32", (3, 4))}, one_by_one=True)], "mixes.onnx")
    assert outcome.outputs["y"].apart > 0.1


@pytest.mark.parametrize(
    ("graph", "inputs", "reason"),
    [
        (
            "g (float[N, 4] x) => (float[N, 5] y) <float[3, 5] w> { y = MatMul (x, w) }",
            {"x": ("float32", (1, 4))},
            "cannot",
        ),
        ("g (float[N] x) => (float[N] y) { y = Relu (x) }", {"x": ("float32", (1, 4))}, "cannot run it: .*rank"),
        ("g (float[N] x) => (float[N] y) { y = Relu (x) }", {"z": ("float32", (1,))}, "cannot run it"),
    ],
    ids=["never fits", "another rank", "another name"],
)
def test_what_the_runtime_refuses_is_told(graph: str, inputs: Any, reason: str) -> None:
    with pytest.raises(ModelError, match=f"bad.onnx: .*{reason}"):
        attempt(written(graph), [Run(inputs)], "bad.onnx")


def test_a_graph_that_wants_all_memory_takes_only_its_own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = """g (int64[1] x) => (float[N] y) <int64[1] n = {40000000000}>
    { m = Add (x, n) z = ConstantOfShape (m) y = Relu (z) }"""
    monkeypatch.setattr(trial, "MEMORY_BYTES", 3 << 30)
    with pytest.raises(ModelError, match=r"bomb.onnx: .*(memory|alloc)"):
        attempt(written(bomb), [Run({"x": ("int64", (1,))})], "bomb.onnx")


def test_a_graph_that_never_ends_is_ended() -> None:
    loop = """g (int64[1] x) => (int64[1] y) <int64 n = {9223372036854775807}, bool c = {1}> {
        y = Loop (n, c, x) <body = b (int64 i, bool on, int64[1] v) => (bool more, int64[1] w)
            { more = Identity (on) w = Add (v, v) }>
    }"""
    with pytest.raises(ModelError, match=r"loop.onnx: (it did not come to an end within 3 s|.*limits)"):
        attempt(written(loop), [Run({"x": ("int64", (1,))})], "loop.onnx", time_limit_s=3)
