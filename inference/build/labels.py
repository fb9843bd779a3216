"""The names of a model's classes: from a text file, or from the metadata that some exporters write."""

import ast
from pathlib import Path

from inference.build.onnx_file import OnnxFile
from inference.errors import ModelError

MAX_BYTES = 1 << 20


def read_labels(path: Path) -> tuple[str, ...]:
    """One a line; empty lines at the end don't count. Raises ModelError."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ModelError(f"{path}: longer than {MAX_BYTES} bytes")
        lines = [line.strip() for line in data.decode("utf-8-sig").rstrip().splitlines()]
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: not UTF-8 text: {error}") from None
    if "" in lines or not lines:
        raise ModelError(f"{path}:{lines.index('') + 1 if lines else 1}: no label in this line")
    return tuple(lines)


def labels_of(file: OnnxFile) -> tuple[str, ...]:
    """What Ultralytics' exporter writes as `names`: {0: 'person', 1: 'bicycle', …}; empty if there is no such thing."""
    text = file.metadata.get("names", "")
    if len(text) > MAX_BYTES:
        return ()
    try:
        names = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ()
    if not isinstance(names, dict) or sorted(map(str, names)) != sorted(map(str, range(len(names)))):
        return ()
    return tuple(str(names[place] if place in names else names[str(place)]) for place in range(len(names)))
