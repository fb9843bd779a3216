"""docs/claims.md: each claim of the README has what shows it, and each figure the benchmark that measures it."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from benchmarks.results import FOLDER

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
ROWS = [
    line.removeprefix("| ").removesuffix(" |").split(" | ")
    for line in (ROOT / "docs" / "claims.md").read_text("utf-8").splitlines()
    if line.startswith("| **")
]
LINK = re.compile(r"\[([^]]+)\]\(([^)]+)\)")


@cache
def names_in(file: Path) -> set[str]:
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, functions)}


def test_every_claim_of_the_readme_has_a_row() -> None:
    claims = README.split("## What it doesn't do")[0]
    leads = re.findall(r"^- \*\*(.+?)\*\*", claims, re.MULTILINE)
    assert len(leads) > 15
    assert [row[0].strip("*") for row in ROWS] == leads


@pytest.mark.parametrize(("lead", "shown"), ROWS, ids=[row[0].strip("*.") for row in ROWS])
def test_what_shows_a_claim_is_there(lead: str, shown: str) -> None:
    links = LINK.findall(shown)
    assert len(links) >= shown.count("<br>") + 1, lead
    for label, target in links:
        file = (ROOT / "docs" / target).resolve()
        assert file.is_file(), target
        if target.startswith("../tests/"):
            assert f"test_{label.replace(' ', '_')}" in names_in(file), label


def test_every_figure_has_its_benchmark_and_that_its_results() -> None:
    table = README.split("## Measured")[1].split("\n\n")[2].splitlines()[2:]
    assert len(table) > 30
    for line in table:
        name, target = LINK.findall(line.rsplit(" | ", 1)[1])[0]
        assert (ROOT / target).is_file(), line
        assert (FOLDER / f"{name}.json").is_file(), line
