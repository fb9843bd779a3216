"""Alerts and dashboards: fresh, complete, and about metrics that there are."""

import json
import re
from pathlib import Path

import pytest

from monitoring.__main__ import ROOT, files
from monitoring.alerts import ALERTS, RECORDINGS
from monitoring.dashboards import DASHBOARDS
from tests.monitoring.alert_cases import CASES
from tests.test_metrics_page import rows

_OTHERS = {"up", "process_cpu_seconds_total", "process_resident_memory_bytes"}
_NAME = re.compile(r"\b((?:vedette|model|gpu|process)_[a-z0-9_]+|vedette:[a-z0-9_:]+|up)(?=[{\[)\s]|$)")
RUNBOOKS = ROOT / "docs" / "runbooks"


def known() -> set[str]:
    """Names that a query may use."""
    names = {recording.name for recording in RECORDINGS} | _OTHERS
    for cells in rows():
        name = cells[0].strip("`")
        ends = ("_bucket", "_sum", "_count") if cells[1] == "histogram" else ("",)
        names |= {name + end for end in ends}
    return names


def queries() -> list[tuple[str, str]]:
    """Where it is from, and the expression."""
    panels = [
        (f"{page.name}: {panel.title}", query.expr)
        for page in DASHBOARDS.values()
        for panel in page.panels
        for query in panel.queries
    ]
    return panels + [(alert.name, alert.expr) for alert in ALERTS] + [(one.name, one.expr) for one in RECORDINGS]


def test_the_generated_files_are_fresh() -> None:
    stale = [path for path, text in files().items() if path.read_text() != text]
    assert not stale, "run: python -m monitoring"


@pytest.mark.parametrize(("where", "expr"), queries(), ids=[where for where, _ in queries()])
def test_a_query_is_about_metrics_that_there_are(where: str, expr: str) -> None:
    used = set(_NAME.findall(expr))
    assert used, expr
    assert used <= known(), where


def test_every_alert_has_a_runbook_that_says_what_it_means_and_what_to_do() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {alert.runbook for alert in ALERTS}
    for alert in ALERTS:
        text = (RUNBOOKS / f"{alert.runbook}.md").read_text()
        assert f"# {alert.name}\n" in text
        assert "## Look at" in text, alert.name
        assert "## Do" in text, alert.name


def test_the_page_lists_every_alert_with_its_runbook_and_severity() -> None:
    row = re.compile(r"^\| \[(\w+)\]\(runbooks/([\w-]+)\.md\) \| .+ \| (\w+) \|$", re.MULTILINE)
    listed = row.findall((ROOT / "docs" / "observability.md").read_text())
    assert sorted(listed) == sorted((alert.name, alert.runbook, alert.severity) for alert in ALERTS)


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    for fires in (True, False):
        assert {case.alert for case in CASES if (case.summary is not None) == fires} == {one.name for one in ALERTS}


def test_dashboards_are_what_grafana_imports() -> None:
    for path in sorted(Path(ROOT / "helm/vedette/dashboards").glob("*.json")):
        board = json.loads(path.read_text())
        assert board["uid"] == f"vedette-{path.stem}"
        panels = [panel for panel in board["panels"] if panel["type"] != "row"]
        assert len(panels) == len(DASHBOARDS[path.stem].panels)
        places = [tuple(panel["gridPos"][key] for key in "xywh") for panel in panels]
        assert len(set(places)) == len(places)
        for panel in panels:
            assert all(
                target["expr"] and "$S" not in target["expr"].replace("$site", "") for target in panel["targets"]
            )
