"""What goes before a network: from bytes as pictures have them to what the network takes."""

from typing import Any

from inference.build.graph_text import graph, numbers
from inference.build.network import RawInput
from inference.repository.card import Build, ImageInput


def prologue(spec: ImageInput, build: Build, takes: RawInput, versions: tuple[int, int]) -> Any:
    """From `images` uint8 [N, H, W, 3] to `pixels`, what the network takes, and `size` int64 [2], height and width.

    Where the network asks for them there are `sizes` int64 [N, 2], width and height, too.

    The mean stays out of the network's first convolution, whose zero padding comes after the normalisation. Bytes are
    transposed before they are floats, and the constants go over whole planes: over interleaved channels Sub and Div
    cost 4 ms.
    """
    steps, constants = _steps(build, takes)
    lines = []
    value = "images"
    for place, (name, operation) in enumerate(steps):
        made = "pixels" if place == len(steps) - 1 else name
        lines.append(f"    {made} = {operation.format(value)}")
        value = made
    lines.append("    size = Shape <start = 1, end = 3> (images)")
    height, width = spec.height or "H", spec.width or "W"
    shape = f"{takes.batch}, 3, {height}, {width}" if takes.planes else f"{takes.batch}, {height}, {width}, 3"
    outputs = [f"{takes.dtype.replace('float32', 'float')}[{shape}] pixels", "int64[2] size"]
    if takes.asks_size:
        lines.append(_SIZES)
        constants.append("int64[2] across_down = {1, 0}, int64[1] two = {2}")
        outputs.append(f"int64[{takes.batch}, 2] sizes")
    images = f"uint8[{takes.batch}, {height}, {width}, 3] images"
    return graph("normalise", [images], outputs, constants, "\n".join(lines), versions)


_SIZES = """\
    side = Gather <axis = 0> (size, across_down)
    pictures = Shape <start = 0, end = 1> (images)
    many = Concat <axis = 0> (pictures, two)
    sizes = Expand (side, many)"""


def _steps(build: Build, takes: RawInput) -> tuple[list[tuple[str, str]], list[str]]:
    """(name, operation on what was before) and the constants."""
    steps, constants = [], []
    if takes.planes:
        steps.append(("planes", "Transpose <perm = [0, 3, 1, 2]> ({})"))
    if takes.dtype != "uint8":
        steps.append(("colours", "Cast <to = 1> ({})"))
        shape = "float[3, 1, 1]" if takes.planes else "float[3]"
        if any(build.mean):
            steps.append(("centred", "Sub ({}, mean)"))
            constants.append(f"{shape} mean = {numbers(build.mean)}")
        if any(channel != 1 for channel in build.deviation):
            steps.append(("scaled", "Div ({}, deviation)"))
            constants.append(f"{shape} deviation = {numbers(build.deviation)}")
    if takes.dtype == "float16":
        steps.append(("halves", "Cast <to = 10> ({})"))
    return steps or [("same", "Identity ({})")], constants
