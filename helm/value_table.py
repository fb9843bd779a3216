"""Writes the table of values into helm/vedette/README.md from the comments of values.yaml: python helm/value_table.py

With --check nothing is written; exit status 1 says that the table is stale, or that a value has no comment.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

CHART = Path(__file__).parent / "vedette"
BEGIN, END = "<!-- values: made by helm/value_table.py -->", "<!-- end of values -->"


class Row(NamedTuple):
    """A value: its key with dots, its default as JSON, and what its comment says."""

    key: str
    default: str
    text: str


def rows(text: str) -> Iterator[Row]:
    """The values of `text` (values.yaml) that have a comment above, and those that have none and should."""
    values = YAML(typ="safe").load(text)
    path: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        indent = len(line) - len(line.lstrip())
        if stripped.startswith("#"):
            comment.append(stripped.removeprefix("#").strip())
            continue
        key, colon, _ = stripped.partition(":")
        if colon and not stripped.startswith("- "):
            path = [(depth, name) for depth, name in path if depth < indent] + [(indent, key)]
            names = [name for _, name in path]
            if comment or not _is_inside(values, names):
                yield _row(values, names, " ".join(comment))
        comment = []


def _is_inside(values: Any, names: list[str]) -> bool:
    """Whether the key needs no comment: it holds others, or lies in a default whose own comment says what it is."""
    value = values
    for name in names:
        if not isinstance(value, dict) or name not in value:
            return True
        value = value[name]
    return isinstance(value, dict) or bool({"resources", "pipelines", "clients", "monitoring"} & set(names[:-1]))


def _row(values: Any, names: list[str], text: str) -> Row:
    for name in names:
        values = values[name]
    return Row(".".join(names), json.dumps(values, ensure_ascii=False), text)


def table(text: str) -> str:
    """The rows as Markdown."""
    lines = ["| value | default | |", "|---|---|---|"]
    for row in rows(text):
        if not row.text:
            raise SystemExit(f"values.yaml: {row.key} has no comment above it")
        said = row.text.replace("|", "\\|")
        default = f"`{row.default}`".replace("|", "\\|")
        lines.append(f"| `{row.key}` | {default} | {said} |")
    return "\n".join(lines)


def main() -> int:
    """Write, or compare."""
    readme = CHART / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    made = f"{before}{BEGIN}\n\n{table((CHART / 'values.yaml').read_text(encoding='utf-8'))}\n\n{END}{after}"
    if "--check" in sys.argv[1:]:
        return int(made != readme.read_text(encoding="utf-8"))
    readme.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
