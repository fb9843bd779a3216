"""Build `models/coco-detector/1.0.0/model.onnx`: NanoDet-g with everything around its network in the graph.

    python models/build/coco_detector.py            # build and write
    python models/build/coco_detector.py --check    # build, compare with the card's sha256, write nothing

In: `images` uint8 [N, H, W, 3], BGR, H and W multiples of 32. Out, per image at most 100 detections by falling score,
the rows past its count zero: `boxes` float32 [N, 100, 4] as x1, y1, x2, y2 in input pixels, clipped to the input;
`scores` float32 [N, 100]; `labels` int64 [N, 100]; `counts` int64 [N].

The arithmetic is NanoDet's (https://github.com/RangiLyu/nanodet, `config/nanodet-g.yml`, `GFLHead`): a box side is the
expectation of a distribution over 11 bins (Generalized Focal Loss, arXiv:2006.04388, section 3), times the stride, as a
distance from the cell's centre ((i + 0.5) * stride); then non-maximum suppression within each class. The card's
thresholds become constants of the graph. The same weights and card give the same bytes.
"""

import argparse
import hashlib
import sys
from pathlib import Path

import onnx
from onnx import compose, parser, utils

from inference.repository.card import ModelCard

VERSION = "1.0.0"
MODELS = Path(__file__).resolve().parent.parent
WEIGHTS = MODELS / "build/weights/nanodet-g-416.onnx"
WEIGHTS_SHA256 = "e8a6483a205664b11d8a9e5c58d12e4168b8b227a4d9d83ea120797836916eef"
MODEL = MODELS / "coco-detector" / VERSION / "model.onnx"
CARD = MODELS / "coco-detector/model.yaml"

# The published file lists its outputs in another order than by stride: they are taken by name.
STRIDES = {
    8: ("Identity:0", "Identity_3:0"),
    16: ("Identity_1:0", "Identity_4:0"),
    32: ("Identity_2:0", "Identity_5:0"),
}
HEADER = '<ir_version: 8, opset_import: ["": 15]>'

# The mean stays out of the first convolution, whose zero padding comes after the normalisation. Bytes are transposed
# before they are floats, and the constants go over whole planes: over interleaved channels Sub and Div cost 4 ms.
NORMALISE = (
    HEADER
    + """
normalise (uint8[N, H, W, 3] images) => (float[N, 3, H, W] pixels, int64[2] size)
<float[3, 1, 1] mean = {103.53, 116.28, 123.675}, float[3, 1, 1] deviation = {57.375, 57.12, 58.395}>
{
    planes = Transpose <perm = [0, 3, 1, 2]> (images)
    colours = Cast <to = 1> (planes)
    centred = Sub (colours, mean)
    pixels = Div (centred, deviation)
    size = Shape <start = 1, end = 3> (images)
}"""
)

# NonZero of a plane of ones lists the (row, column) of every cell in the order of the network's output.
DECODE_STRIDE = """
    cells_{s} = Div (size, stride_{s})
    plane_{s} = ConstantOfShape <value = int64[1] {{1}}> (cells_{s})
    cell_{s} = NonZero (plane_{s})
    index_{s} = Cast <to = 1> (cell_{s})
    middle_{s} = Add (index_{s}, half)
    centre_{s} = Mul (middle_{s}, scale_{s})
    logits_{s} = Reshape (sides_{s}, by_side)
    shares_{s} = Softmax <axis = 2> (logits_{s})
    weighed_{s} = Mul (shares_{s}, bins_{s})
    distance_{s} = ReduceSum <keepdims = 0> (weighed_{s}, bin_axis)
"""

# What NonMaxSuppression keeps is scattered back into a plane of zeros, so that TopK works for any batch size.
DECODE = (
    HEADER
    + """
decode (int64[2] size, {inputs})
    => (float[N, 100, 4] boxes, float[N, 100] scores, int64[N, 100] labels, int64[N] counts)
<{constants},
 float half = {{0.5}}, int64[4] by_side = {{0, 4, 11, -1}}, int64[1] bin_axis = {{2}}, int64[4] xyxy = {{1, 0, 1, 0}},
 float[1, 4, 1] outward = {{-1, -1, 1, 1}}, float zero = {{0}}, int64[2] column = {{4, 1}}, int64[2] row = {{0, -1}},
 int64[1] most = {{100}}, float iou = {{{iou}}}, float score = {{{score}}},
 int64[1] last = {{2}}, int64[1] second = {{1}}, int64[3] four = {{1, 1, 4}}>
{{
    {strides}
    centre = Concat <axis = 1> (centre_8, centre_16, centre_32)
    origin = Gather <axis = 0> (centre, xyxy)
    distance = Concat <axis = 2> (distance_8, distance_16, distance_32)
    offset = Mul (distance, outward)
    corner = Add (origin, offset)
    ends = Gather <axis = 0> (size, xyxy)
    limit = Cast <to = 1> (ends)
    limits = Reshape (limit, column)
    inner = Max (corner, zero)
    clipped = Min (inner, limits)
    candidates = Transpose <perm = [0, 2, 1]> (clipped)

    likely = Concat <axis = 2> (classes_8, classes_16, classes_32)
    selected = NonMaxSuppression (candidates, likely, most, iou, score)
    strength = GatherND (likely, selected)
    shape = Shape (likely)
    nothing = ConstantOfShape <value = float[1] {{0}}> (shape)
    kept = ScatterND (nothing, selected, strength)
    flat = Reshape (kept, row)
    scores, place = TopK <axis = 1, largest = 1, sorted = 1> (flat, most)

    area = Shape <start = 2, end = 3> (likely)
    label = Div (place, area)
    cell = Mod (place, area)
    cell_column = Unsqueeze (cell, last)
    cell_four = Expand (cell_column, four)
    chosen = GatherElements <axis = 1> (candidates, cell_four)

    real = Greater (scores, zero)
    one = Cast <to = 7> (real)
    counts = ReduceSum <keepdims = 0> (one, second)
    labels = Mul (label, one)
    present = Cast <to = 1> (real)
    presence = Unsqueeze (present, last)
    boxes = Mul (chosen, presence)
}}"""
)


def main() -> int:
    arguments = argparse.ArgumentParser(description="Build models/coco-detector from the published NanoDet-g weights.")
    arguments.add_argument("--check", action="store_true", help="compare the build with the card; write nothing")
    check: bool = arguments.parse_args().check
    card = ModelCard.load(CARD)
    built = build(WEIGHTS.read_bytes(), card)
    digest = hashlib.sha256(built).hexdigest()
    if not check:
        MODEL.parent.mkdir(parents=True, exist_ok=True)
        MODEL.write_bytes(built)
    print(f"{MODEL.relative_to(MODELS.parent)}: {len(built)} bytes, sha256 {digest}")
    if digest == card.versions[VERSION].sha256:
        return 0
    print(f"{CARD.relative_to(MODELS.parent)} says {card.versions[VERSION].sha256}", file=sys.stderr)
    return 1


def build(weights: bytes, card: ModelCard) -> bytes:
    """The fused graph, serialised. Raises ValueError for weights other than the published ones, or not 80 labels."""
    if len(card.labels) != 80:
        raise ValueError(f"the network knows 80 classes, the card names {len(card.labels)}")
    if hashlib.sha256(weights).hexdigest() != WEIGHTS_SHA256:
        raise ValueError(f"these are not the published weights: their sha256 is not {WEIGHTS_SHA256}")
    classes, sides = ([f"{kind}_{stride}" for stride in STRIDES] for kind in ("classes", "sides"))
    network, ends = cut_network(onnx.load_from_string(weights))
    fused = compose.merge_models(
        parser.parse_model(NORMALISE), network, io_map=[("pixels", "input_1:0")], outputs=["size", *ends]
    )
    decode = compose.add_prefix(decoder(card), "decode/", rename_inputs=False, rename_outputs=False)
    fused = compose.merge_models(fused, decode, io_map=[("size", "size"), *zip(ends, [*classes, *sides], strict=True)])
    return finish(fused)


def cut_network(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[str]]:
    """Backbone, neck and heads with free N, H and W, ending before the trailing Transposes; the new outputs' names.

    The outputs are [N, 80, cells] by rising stride, then [N, 44, cells] likewise: what NonMaxSuppression wants.
    """
    before = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Transpose"}
    ends = [before[names[kind]] for kind in (0, 1) for names in STRIDES.values()]
    del model.graph.output[:], model.graph.value_info[:]
    for end, channels in zip(ends, [80] * 3 + [44] * 3, strict=True):
        shape: list[str | int | None] = ["N", channels, None]
        model.graph.output.append(onnx.helper.make_tensor_value_info(end, onnx.TensorProto.FLOAT, shape))
    axes = model.graph.input[0].type.tensor_type.shape.dim
    axes[2].dim_param, axes[3].dim_param = "H", "W"
    network = utils.Extractor(model).extract_model(["input_1:0"], ends)
    del network.opset_import[:]
    network.opset_import.append(onnx.helper.make_opsetid("", 15))
    return network, ends


def decoder(card: ModelCard) -> onnx.ModelProto:
    """The graph from the heads' outputs to detections, with the card's thresholds as constants."""
    inputs = [f"float[N, 80, A{s}] classes_{s}, float[N, 44, A{s}] sides_{s}" for s in STRIDES]
    constants = [
        f"int64 stride_{s} = {{{s}}}, float scale_{s} = {{{s}}}, "
        f"float[1, 1, 11, 1] bins_{s} = {{{', '.join(str(s * step) for step in range(11))}}}"
        for s in STRIDES
    ]
    text = DECODE.format(
        inputs=", ".join(inputs),
        constants=", ".join(constants),
        strides="".join(DECODE_STRIDE.format(s=s) for s in STRIDES),
        iou=card.thresholds.iou,
        score=card.thresholds.score,
    )
    return parser.parse_model(text)


def finish(model: onnx.ModelProto) -> bytes:
    """Names, the checker, and bytes in a fixed order."""
    model.producer_name = "vedette models/build/coco_detector.py"
    model.graph.name = "coco-detector"
    model.graph.doc_string = "NanoDet-g (RangiLyu/nanodet, Apache-2.0), uint8 NHWC BGR images to detections"
    del model.graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


if __name__ == "__main__":
    sys.exit(main())
