"""Where a key stands in a configuration file that has been read before."""

from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from vedette.config.problems import KeyPath


def line_of(path: Path, key: KeyPath) -> int:
    """The line of `key`, or of the nearest key above it that is in the file."""
    with path.open(encoding="utf-8-sig") as file:
        data, line = YAML(pure=True).load(file), 0
    for part in key:
        if isinstance(data, CommentedMap) and part in data:
            line = data.lc.key(part)[0]
        elif isinstance(data, CommentedSeq) and isinstance(part, int) and part < len(data):
            line = data.lc.item(part)[0]
        else:
            break
        data = data[part]
    return line + 1
