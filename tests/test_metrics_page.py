"""docs/metrics.md says of every metric what it is: no more and no fewer than the processes register."""

import ast
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

import events.metrics
import gateway.metrics
import inference.metrics
import vedette.process.metrics
import vedette.site.metrics
from vedette.process.gpu_metrics import GPU_METRICS

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "metrics.md"
MODULES = (vedette.process.metrics, vedette.site.metrics, gateway.metrics, inference.metrics, events.metrics)
KINDS = {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"}

Described = tuple[str, str]
"""Type and labels."""


def registered() -> dict[str, Described]:
    found = {name: ("gauge", "gpu, product") for name, _ in GPU_METRICS}
    for module in MODULES:
        for metric in vars(module).values():
            if isinstance(metric, Counter | Gauge | Histogram):
                name = metric._name + ("_total" if isinstance(metric, Counter) else "")
                found[name] = (metric._type, ", ".join(metric._labelnames) or "–")
    return found


def rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `") and line.count("|") == 7]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_page_lists_what_is_registered_and_nothing_else() -> None:
    page = {cells[0].strip("`"): (cells[1], cells[3]) for cells in rows()}
    assert page == registered(), "a row: | `name` | type | unit | labels | meaning | question |"


def test_every_row_has_a_unit_a_meaning_and_the_question_that_it_answers() -> None:
    assert len(rows()) > 50
    for cells in rows():
        assert len(cells) == 6, cells
        assert all(cell and cell != "?" for cell in cells), cells


def test_units_are_in_the_names() -> None:
    ends = {"seconds": ("_seconds", "_seconds_total"), "bytes": ("_bytes",), "watts": ("_watts",), "°C": ("_celsius",)}
    wrong = [cells for cells in rows() if not cells[0].strip("`").endswith(ends.get(cells[2], ""))]
    assert not wrong


def test_metrics_are_made_in_the_modules_named_metrics_alone() -> None:
    elsewhere = []
    for package in ("vedette", "gateway", "inference", "events"):
        for path in (ROOT / package).rglob("*.py"):
            if "prometheus_client" not in (text := path.read_text()):
                continue
            nodes = list(ast.walk(ast.parse(text)))
            imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
            names = {alias.name for node in imports if node.module == "prometheus_client" for alias in node.names}
            calls = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
            if path.name != "metrics.py" and names & KINDS & calls:
                elsewhere.append(path)
    assert not elsewhere
