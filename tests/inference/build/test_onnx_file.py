from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from inference.build import onnx_file, wire
from inference.build.onnx_file import inspect, read_onnx
from inference.errors import ModelError
from tests.inference.build.networks import network
from tests.inference.nanodet_reference import ROOT

SMALL = network({"out": np.arange(8, dtype=np.float32).reshape(2, 4)}, metadata={"names": "{0: 'a'}"})
YUNET = ROOT / "models/build/weights/yunet-640.onnx"


def changed(change: Callable[[Any], None]) -> bytes:
    model = onnx.load_from_string(SMALL)
    change(model)
    data: bytes = model.SerializeToString()
    return data


def test_a_sound_file_is_described() -> None:
    file = inspect(SMALL, "small.onnx")
    assert [str(tensor) for tensor in file.inputs] == ["input float32 [N, 3, 64, 64]"]
    assert [str(tensor) for tensor in file.outputs] == ["out float32 [N, 4]"]
    assert (file.opset, file.ir_version, file.nodes, file.size_bytes) == (17, 9, 6, len(SMALL))
    assert file.metadata == {"names": "{0: 'a'}"}


@pytest.mark.parametrize("path", sorted(ROOT.glob("models/**/*.onnx")), ids=lambda path: path.parent.parent.name)
def test_every_shipped_file_is_sound(path: Path) -> None:
    assert read_onnx(path).nodes > 100


def _external(model: Any) -> None:
    tensor = model.graph.initializer[2]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../../etc/passwd"


def _custom(model: Any) -> None:
    model.opset_import.append(helper.make_opsetid("evil.example", 1))
    model.graph.node.append(helper.make_node("Run", ["out"], ["more"], domain="evil.example"))


def _undeclared(model: Any) -> None:
    model.graph.node.append(helper.make_node("Run", ["out"], ["more"], domain="evil.example"))


def _context(model: Any) -> None:
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    node = helper.make_node("EPContext", ["out"], ["more"], domain="com.microsoft", ep_cache_context="../engine")
    model.graph.node.append(node)


def _function(model: Any) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    model.functions.append(helper.make_function("local", "f", ["x"], ["y"], [node], [helper.make_opsetid("", 17)]))


def _sparse(model: Any) -> None:
    values = helper.make_tensor("values", TensorProto.FLOAT, [1], [1.0])
    places = helper.make_tensor("places", TensorProto.INT64, [1], [0])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [1 << 40]))


def _nested(model: Any) -> None:
    inner = helper.make_graph([helper.make_node("Identity", ["out"], ["deepest"])], "g", [], [])
    for depth in range(onnx_file.MAX_GRAPH_DEPTH):
        node = helper.make_node("If", ["c"], [f"of {depth}"], then_branch=inner, else_branch=inner)
        inner = helper.make_graph([node], "g", [], [])
        if depth > 3:  # both branches would double it each time
            del inner.node[0].attribute[1:]
    model.graph.node.extend(inner.node)


def _huge_constant(model: Any) -> None:
    model.graph.initializer[2].dims[:] = [1 << 20, 1 << 20]


def _negative(model: Any) -> None:
    model.graph.initializer[2].dims[:] = [-1, -8]


def _unraw(model: Any) -> None:
    tensor = model.graph.initializer[2]
    tensor.ClearField("raw_data")
    tensor.dims[:] = [1 << 30, 1 << 30]
    tensor.float_data.append(1.0)


def _huge_input(model: Any) -> None:
    for place, length in ((0, 1 << 12), (2, 1 << 20), (3, 1 << 20)):
        model.graph.input[0].type.tensor_type.shape.dim[place].dim_value = length


def _type(model: Any) -> None:
    model.graph.initializer[2].data_type = 99


def _sequence(model: Any) -> None:
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [1]))
    model.graph.input.append(helper.make_value_info("list", kind))


def _opset(version: int) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        model.opset_import[0].version = version

    return change


def _set(name: str, value: Any) -> Callable[[Any], None]:
    return lambda model: setattr(model, name, value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_external, "the data of the constant 'sets of out' is in another file"),
        (_custom, "operators of 'evil.example'"),
        (_undeclared, "the operator Run of 'evil.example'"),
        (_context, "the operator EPContext: loads another file"),
        (_function, "functions of its own"),
        (_sparse, "sparse constants"),
        (_nested, "graphs nested deeper than 8"),
        (_huge_constant, "not as much data as its shape"),
        (_negative, "has the shape"),
        (_unraw, "not as much data as its shape"),
        (_huge_input, "more than 1073741824 bytes"),
        (_type, "unknown type 99"),
        (_sequence, "'list' is no tensor"),
        (_opset(3), "opset 3; known are 7 to 26"),
        (_opset(99), "opset 99; known are 7 to 26"),
        (_opset(-1), "opset -1"),
        (lambda model: model.opset_import.append(helper.make_opsetid("ai.onnx", 12)), "two versions"),
        (lambda model: model.ClearField("opset_import"), "opset missing"),
        (_set("ir_version", 2), "IR version 2; known are 3 to 13"),
        (_set("ir_version", 1000), "IR version 1000"),
        (lambda model: model.training_info.add(), "training information"),
        (lambda model: model.graph.node.reverse(), "not valid ONNX: Nodes in a graph must be topologically sorted"),
        (lambda model: setattr(model.graph.node[0], "op_type", "Kast"), "No Op registered for Kast"),
        (lambda model: model.graph.node.append(model.graph.node[0]), "single static assignment"),
        (lambda model: model.ClearField("graph"), "not ONNX: it has no graph"),
    ],
)
def test_a_wrong_or_hostile_file_is_refused_with_the_reason(change: Callable[[Any], None], reason: str) -> None:
    with pytest.raises(ModelError) as caught:
        inspect(changed(change), "bad.onnx")
    assert str(caught.value).startswith("bad.onnx: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\x00" * 100, "not ONNX"),
        (b"# a text file, not a model\n" * 10, "not ONNX"),
        (b"PK\x03\x04" + bytes(100), "not ONNX"),
        (b"\x7fELF" + bytes(100), "not ONNX"),
        (b"version https://git-lfs.github.com/spec/v1\n", "not ONNX"),
        (SMALL[:-1], "cut off"),
        (SMALL[: len(SMALL) // 2], "cut off"),
        (SMALL + b"\x00", "not ONNX"),
    ],
    ids=["nothing", "zeros", "text", "zip", "elf", "lfs pointer", "a byte short", "half", "a byte more"],
)
def test_what_is_no_onnx_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        inspect(data, "bad.onnx")


def test_too_many_nodes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "MAX_NODES", 4)
    with pytest.raises(ModelError, match="more than 4 nodes"):
        inspect(SMALL, "bad.onnx")


def test_too_large_a_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.onnx"
    path.write_bytes(SMALL)
    monkeypatch.setattr(onnx_file, "MAX_FILE_BYTES", len(SMALL) - 1)
    with pytest.raises(ModelError, match=f"large.onnx: larger than {len(SMALL) - 1} bytes"):
        read_onnx(path)


def test_another_digest_and_a_missing_file_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(SMALL)
    with pytest.raises(ModelError, match=r"model\.onnx: its sha256 is [0-9a-f]{64}, not 00"):
        read_onnx(path, "00" * 32)
    with pytest.raises(ModelError, match=r"model\.onnx: Is a directory|other: No such file"):
        read_onnx(tmp_path / "other")


def _message(field: int, content: bytes) -> bytes:
    length, size = bytearray(), len(content)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes([field << 3 | 2]) + bytes(length) + content


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (_message(1, b"") * 5001, "more than 5000 fields"),
        (_message(1, _message(1, b"") * 5001), "more than 5000 fields"),
        (_message(5, _message(7, b"\x01" * 5001)), "more than 5000 bytes of numbers"),
    ],
    ids=["empty nodes", "empty names", "varints"],
)
def test_a_file_that_would_grow_in_memory_is_refused_before_it_is_parsed(
    graph: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parsed(data: bytes) -> None:
        raise AssertionError("it was parsed")

    monkeypatch.setattr(wire, "MAX_FIELDS", 5000)
    monkeypatch.setattr(wire, "MAX_PACKED_BYTES", 5000)
    monkeypatch.setattr(onnx, "load_from_string", parsed)
    with pytest.raises(ModelError, match=reason):
        inspect(b"\x08\x08" + _message(7, graph), "bomb.onnx")


def test_messages_nested_without_end_are_refused() -> None:
    graph = b""
    for _ in range(2000):  # a graph in an attribute of a node of a graph, and so on
        graph = _message(1, _message(5, _message(6, graph)))
    with pytest.raises(ModelError, match="messages nested deeper than 40"):
        inspect(b"\x08\x08" + _message(7, graph), "deep.onnx")


def assert_refused_or_sound(data: bytes) -> None:
    started = process_time()
    try:
        file = inspect(data, "fuzzed.onnx")
    except ModelError as error:
        assert str(error).startswith("fuzzed.onnx: ")
        assert len(str(error)) < 1500
    else:
        assert file.nodes < 1000
    assert process_time() - started < 20


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.data_too_large])
@given(st.data())
def test_a_damaged_file_is_refused_or_sound_but_never_anything_else(data: st.DataObject) -> None:
    file = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(file) - 1))
        end = place + data.draw(st.integers(0, 8))
        file[place:end] = data.draw(st.binary(max_size=8))
        file = file or bytearray(b"\0")
    assert_refused_or_sound(bytes(file))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, YUNET.stat().st_size - 1), st.binary(min_size=1, max_size=4))
def test_a_real_file_with_other_bytes_in_it_isassert_refused_or_sound(place: int, bytes_there: bytes) -> None:
    data = bytearray(YUNET.read_bytes())
    data[place : place + len(bytes_there)] = bytes_there
    assert_refused_or_sound(bytes(data))


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_bytes_of_any_kind_are_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        inspect(b"\x08\x08" + data, "random.onnx")


def test_a_constant_of_every_type_that_onnx_has_is_understood() -> None:
    for dtype in (np.float16, np.float32, np.float64, np.int8, np.uint16, np.int32, np.uint64, np.bool_):

        def change(model: Any, dtype: Any = dtype) -> None:
            model.graph.initializer.append(numpy_helper.from_array(np.ones((2, 3), dtype), "unused"))

        assert inspect(changed(change), "small.onnx").nodes == 6
