"""Each head's graph gives what its published decoding gives, in a batch or alone, whatever the network takes."""

from typing import Any

import numpy as np
import onnx
import pytest

from inference.build.fused_graph import fuse
from inference.build.heads import HEADS
from inference.build.heads.head import Raw
from inference.build.onnx_file import inspect
from inference.build.recognition import recognise
from inference.errors import ModelError
from tests.inference.build import decoding_reference as reference
from tests.inference.build.decoding_reference import SCORE, SIDE
from tests.inference.build.known_heads import (
    CASES,
    CELLS,
    CORNERS,
    Case,
    built,
    card_of,
    fused,
    raw_of,
    rows,
    run,
    scores,
    spread,
)
from tests.inference.build.networks import network, pictures


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("which", [(0,), (1, 0, 1)], ids=["alone", "in a batch"])
def test_a_graph_gives_what_the_published_decoding_gives(name: str, which: tuple[int, ...]) -> None:
    case = CASES[name]
    decode, suppress = reference.REFERENCES[name]
    given = run(built(name), pictures(which))
    for place, chosen in enumerate(which):
        raw = {output: sets[chosen] for output, sets in case.outputs.items()}
        expected = reference.detections(decode(raw), suppress)
        count = given["counts"][place]
        assert 5 < len(expected) <= 100
        assert count == len(expected)
        np.testing.assert_allclose(given["scores"][place, :count], [found.score for found in expected], atol=1e-5)
        np.testing.assert_array_equal(given["labels"][place, :count], [found.label for found in expected])
        np.testing.assert_allclose(given["boxes"][place, :count], [found.corners for found in expected], atol=1e-3)
        if case.landmarks:
            points = [found.points for found in expected]
            np.testing.assert_allclose(given["landmarks"][place, :count], points, atol=1e-3)
        for output in given.keys() - {"counts"}:
            assert not given[output][place, count:].any()


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.named])
def test_a_head_is_recognised_by_the_shapes_of_its_outputs(name: str) -> None:
    case = CASES[name]
    head, _ = recognise(raw_of(case), None, case.options, "known.onnx")
    assert head.name == case.head


def test_what_could_be_two_heads_must_be_named() -> None:
    with pytest.raises(ModelError, match="that may be yolov5 or yolox: pass --head"):
        recognise(raw_of(CASES["yolox"]), None, {}, "known.onnx")
    with pytest.raises(ModelError, match="that may be classification or embedding: pass --head"):
        recognise(Raw({"out": (1, 10)}, SIDE, SIDE, None), None, {}, "known.onnx")


def test_what_is_no_head_is_told_with_the_reason_of_each() -> None:
    with pytest.raises(ModelError) as caught:
        recognise(Raw({"a": (1, 7, 9), "b": (3,)}, SIDE, SIDE, 3), None, {}, "known.onnx")
    assert "known.onnx: for a picture of 64x64 it gives a [1, 7, 9], b [3]; that is none of the heads" in str(
        caught.value
    )
    for name in HEADS:
        assert f"\n  {name}: " in str(caught.value)


def test_a_head_that_was_named_and_does_not_fit_is_refused_with_the_reason() -> None:
    with pytest.raises(ModelError, match=r"not yolov8: output0 has 7 values a candidate; 2 labels need 6"):
        recognise(Raw({"output0": (1, 7, CELLS)}, SIDE, SIDE, 2), "yolov8", {}, "known.onnx")
    with pytest.raises(ModelError, match=r"--options of ssd: grids.*0.*cells"):
        recognise(raw_of(CASES["ssd offsets"]), "ssd", {"boxes": "offsets", "grids": [{}]}, "known.onnx")
    with pytest.raises(ModelError, match=r"--options of yolov8: strides"):
        recognise(raw_of(CASES["yolov8"]), "yolov8", {"strides": [8]}, "known.onnx")


@pytest.mark.parametrize(
    "more",
    [
        {"dtype": "float16"},
        {"dtype": "uint8"},
        {"planes": False},
        {"image": "images"},
        {"image": "pixels", "opset": 13},
        {"opset": 11},
        {"opset": 21},
        {"opset": 23},
    ],
    ids=str,
)
def test_networks_are_fused_whatever_they_take_and_however_old_they_are(more: dict[str, Any]) -> None:
    expected = run(built("yolov8"), pictures([1, 0]))
    given = run(fused(CASES["yolov8"], **more), pictures([1, 0]))
    assert given["counts"].min() > 5
    for name, values in expected.items():
        np.testing.assert_allclose(given[name], values, atol=1e-3)


def test_outputs_in_half_precision_are_decoded_too() -> None:
    case = CASES["yolov8"]
    halves = {name: sets.astype(np.float16) for name, sets in case.outputs.items()}
    given = run(fused(Case(case.head, halves)), pictures([0]))
    expected = run(built("yolov8"), pictures([0]))
    assert abs(int(given["counts"][0]) - int(expected["counts"][0])) <= 1
    np.testing.assert_allclose(given["scores"][0, :5], expected["scores"][0, :5], atol=2e-3)


def test_names_of_the_network_may_be_those_of_the_graph_around_it() -> None:
    case = CASES["ssd corners"]  # its outputs are `boxes` and `scores`
    given = run(fused(case, image="images"), pictures([1]))
    np.testing.assert_array_equal(given["boxes"], run(built("ssd corners"), pictures([1]))["boxes"])


def test_a_network_of_one_picture_stays_one() -> None:
    case = CASES["yolov8"]
    graph = fused(Case(case.head, {name: sets[:1] for name, sets in case.outputs.items()}), batch=1)
    (images,) = inspect(graph, "built").inputs
    assert images.shape == (1, SIDE, SIDE, 3)
    np.testing.assert_array_equal(run(graph, pictures([0]))["boxes"], run(built("yolov8"), pictures([0]))["boxes"])


@pytest.mark.parametrize(("activation", "least"), [("softmax", 1.0), ("sigmoid", 0.5), ("none", 0.0)])
def test_a_classification_gives_a_score_for_each_label(activation: str, least: float) -> None:
    logits = spread(2, 3, 1, 1, least=0.1, most=0.9)
    case = Case("classification", {"out": logits}, {"activation": activation})
    file = inspect(network(case.outputs), "known.onnx")
    card = card_of(case, file.sha256, case.options, thresholds=None)
    given = run(fuse(file, card, "1.0.0"), pictures([1, 0, 1]))["scores"]
    flat = logits[[1, 0, 1], :, 0, 0].astype(float)
    odds = np.exp(flat) / np.exp(flat).sum(1, keepdims=True)
    expected = {"softmax": odds, "sigmoid": 1 / (1 + np.exp(-flat)), "none": flat}[activation]
    np.testing.assert_allclose(given, expected, atol=1e-6)
    assert given.sum(1).min() > least - 1e-6


def test_an_embedding_has_the_length_1_and_nothing_has_0() -> None:
    vectors = np.stack([spread(8, least=-2, most=2), np.zeros(8, np.float32)])
    case = Case("embedding", {"out": vectors}, labels=())
    file = inspect(network(case.outputs), "known.onnx")
    card = card_of(case, file.sha256, {}, thresholds=None)
    given = run(fuse(file, card, "1.0.0"), pictures([0, 1]))["embeddings"]
    np.testing.assert_allclose(given[0], vectors[0] / np.linalg.norm(vectors[0]), atol=1e-6)
    assert not given[1].any()


def test_mean_and_deviation_are_taken_from_the_pixels() -> None:
    case = CASES["yolov8"]
    file = inspect(network(case.outputs), "known.onnx")
    card = card_of(case, file.sha256, {})
    build = card.versions["1.0.0"].build
    assert build is not None
    release = card.versions["1.0.0"].model_copy(
        update={"build": build.model_copy(update={"mean": (75.0, 0.0, 0.0), "deviation": (25.0, 1.0, 1.0)})}
    )
    graph = fuse(file, card.model_copy(update={"versions": {"1.0.0": release}}), "1.0.0")
    images = pictures([100, 125])  # (100 - 75) / 25 is the second set, and the other the first
    expected = run(built("yolov8"), pictures([1, 0]))
    np.testing.assert_array_equal(run(graph, images)["boxes"], expected["boxes"])


def test_a_file_other_than_the_one_that_was_built_from_is_refused() -> None:
    file = inspect(network(CASES["yolov8"].outputs), "known.onnx")
    with pytest.raises(ModelError, match=rf"known.onnx: its sha256 is {file.sha256}, the card of known wants 1111"):
        fuse(file, card_of(CASES["yolov8"], "1" * 64, {}), "1.0.0")
    with pytest.raises(ModelError, match="'yolov8' is no head for classification"):
        fuse(file, card_of(CASES["yolov8"], file.sha256, {}, task="classification", thresholds=None), "1.0.0")
    with pytest.raises(ModelError, match=r"build.options of yolov8: nonsense"):
        fuse(file, card_of(CASES["yolov8"], file.sha256, {"nonsense": 1}), "1.0.0")


def test_boxes_in_the_size_that_the_network_asks_for_are_those_of_the_input() -> None:
    # as RT-DETR's export_onnx.py has it: `orig_target_sizes` is width and height, in which the boxes come out
    sizes = onnx.helper.make_tensor_value_info("orig_target_sizes", onnx.TensorProto.INT64, ["N", 2])
    outputs = {"labels": np.arange(40).reshape(2, 20) % 3, "boxes": CORNERS[:, :20] / SIDE, "scores": spread(2, 20)}
    model = onnx.load_from_string(network(outputs, also=[sizes], height="H", width="W"))
    nodes = model.graph.node
    (boxes_node,) = (node for node in nodes if node.output[0] == "boxes")
    boxes_node.output[0] = "shares"
    nodes.append(onnx.helper.make_node("Cast", ["orig_target_sizes"], ["sides"], to=onnx.TensorProto.FLOAT))
    nodes.append(onnx.helper.make_node("Concat", ["sides", "sides"], ["twice"], axis=1))
    nodes.append(onnx.helper.make_node("Unsqueeze", ["twice", "second axis"], ["reach"]))
    nodes.append(onnx.helper.make_node("Mul", ["shares", "reach"], ["boxes"]))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1]), "second axis"))
    case = Case("end-to-end", outputs)
    file = inspect(model.SerializeToString(), "known.onnx")
    _, options = recognise(raw_of(case), None, {}, "known.onnx")
    given_options = options.model_dump(mode="json", exclude_none=True)
    size = {"size": 64, "multiple": 32, "layout": "NHWC", "colour": "RGB"}
    graph = fuse(file, card_of(case, file.sha256, given_options, input=size), "1.0.0")
    given = run(graph, pictures([1, 0], height=32, width=64))
    for place, chosen in enumerate([1, 0]):
        order = [place for place in np.argsort(-outputs["scores"][chosen]) if outputs["scores"][chosen][place] > SCORE]
        expected = np.clip(outputs["boxes"][chosen][order], 0, 1) * [64, 32, 64, 32]
        assert given["counts"][place] == len(order)
        np.testing.assert_allclose(given["boxes"][place, : len(order)], expected, atol=1e-3)
        np.testing.assert_array_equal(given["labels"][place, : len(order)], outputs["labels"][chosen][order])


def test_cells_that_the_border_cuts_are_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "SIDE", 40)
    cells = 25 + 9 + 4 + 1
    outputs = {"output": rows(scores(cells), spread(2, cells, 32, least=-3, most=3))}
    case = Case("nanodet-plus", outputs)
    file = inspect(network(outputs, height=40, width=40), "known.onnx")
    size = {"height": 40, "width": 40, "layout": "NHWC", "colour": "RGB"}
    given = run(fuse(file, card_of(case, file.sha256, {}, input=size), "1.0.0"), pictures([1], 40, 40))
    expected = reference.detections(reference.nanodet_plus({"output": outputs["output"][1]}), True)
    assert given["counts"][0] == len(expected) > 3
    np.testing.assert_allclose(given["boxes"][0, : len(expected)], [found.corners for found in expected], atol=1e-3)


def test_the_same_file_and_card_give_the_same_bytes() -> None:
    assert fused(CASES["yunet"]) == built("yunet")
