"""Graphs written as text: https://github.com/onnx/onnx/blob/main/docs/Syntax.md"""

from collections.abc import Iterable, Sequence
from typing import Any

from onnx import parser

IR_VERSION = 8
"""At least; a newer file keeps its own. What ONNX Runtime 1.10 and later read."""
OPSET = 15
"""At least: what the texts are written for. They hold for every later one that is let in (`onnx_file.OPSETS`)."""


def graph(
    name: str,
    inputs: Iterable[str],
    outputs: Iterable[str],
    constants: Iterable[str],
    body: str,
    versions: tuple[int, int],
) -> Any:
    """A model of one graph, `versions` its IR version and opset."""
    held = ", ".join(constants)
    text = f"""<ir_version: {versions[0]}, opset_import: ["": {versions[1]}]>
{name} ({", ".join(inputs)}) => ({", ".join(outputs)})
{f"<{held}>" if held else ""}
{{
{body}
}}"""
    return parser.parse_model(text)


def numbers(values: Sequence[float]) -> str:
    """The values of a constant, in braces."""
    return f"{{{', '.join(format(value, '.9g') for value in values)}}}"
