"""What the protocol tells of server and model; the same for both transports."""

from collections.abc import Iterable
from importlib.metadata import version as version_of
from typing import Any

from inference.dataplane import DataPlane
from inference.runtime.rows import TensorSpec
from inference.serving.refusal import Refused
from inference.serving.v2.contract import shape_of
from inference.serving.v2.datatypes import NAMES
from inference.serving.v2.inference import served

SERVER = "vedette"
VERSION = version_of("vedette")  # read from a file: now, and not when somebody asks
EXTENSIONS = ("binary_tensor_data", "classification", "model_repository", "parameters", "schedule_policy")
PLATFORM = "onnx_onnxv1"


def server_metadata() -> dict[str, Any]:
    """name, version, extensions."""
    return {"name": SERVER, "version": VERSION, "extensions": list(EXTENSIONS)}


def model_metadata(plane: DataPlane, name: str, version: str | None) -> dict[str, Any]:
    """name, versions, platform, inputs, outputs; -1 is any length, and the first of a model that takes batches.

    Raises Refused.
    """
    found = served(plane, name, version)
    if not found.ready:
        raise Refused("unavailable", f"{name} {found.model.version} is not ready", 1.0)
    tensors = found.tensors
    return {
        "name": plane.name,
        "versions": [found.model.version],
        "platform": PLATFORM,
        "inputs": _tensors(tensors.inputs, tensors.batched),
        "outputs": _tensors(tensors.outputs, tensors.batched),
    }


def _tensors(specs: Iterable[TensorSpec], batched: bool) -> list[dict[str, Any]]:
    return [{"name": spec.name, "datatype": NAMES[spec.dtype], "shape": shape_of(spec, batched)} for spec in specs]
