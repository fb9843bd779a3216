"""When capacity runs out, as promtool evaluates the panels: by a day's trend, and nothing by that of some minutes."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from monitoring.dashboards.capacity import CAPACITY
from tests.system.test_monitoring import here

pytestmark = pytest.mark.system

_BUSY = 'vedette:session:busy_share5m{site="plant",model="%s"}'
_SERIES = {
    _BUSY % "grows": "0.3+0.001x288",  # by 0.288 a day
    _BUSY % "falls": "0.3-0.001x288",
    _BUSY % "new": "_x220 0.1+0.1x68",  # for less than six hours
}
_WEEK, _MONTH, _FULL = "in 7 days", "in 30 days", "until it is full, in hours"


def _exprs() -> dict[str, str]:
    share, until = (
        panel for panel in CAPACITY.panels if panel.title in ("Busy share, as it will be", "Time until it runs out")
    )
    _, week, month = share.queries
    return {_WEEK: here(week), _MONTH: here(month), _FULL: f"({here(until.queries[0])}) / 3600"}


def _expected(what: str, at: str, values: dict[str, float]) -> dict[str, Any]:
    samples = [{"labels": f'{{model="{model}"}}', "value": value} for model, value in values.items()]
    return {"expr": f"round({_exprs()[what]}, 0.001)", "eval_time": at, "exp_samples": samples}


def test_a_forecast_is_of_a_day_s_trend_and_not_of_some_minutes(tmp_path: Path) -> None:
    cases = [_expected(what, at, {}) for what in (_WEEK, _MONTH, _FULL) for at in ("5m", "10m", "5h55m")]
    cases += [
        _expected(_WEEK, "6h", {"grows": 2.388, "falls": 0}),
        _expected(_WEEK, "24h", {"grows": 2.604, "falls": 0}),
        _expected(_MONTH, "24h", {"grows": 9.228, "falls": 0}),
        _expected(_FULL, "24h", {"grows": round(0.412 / 0.288 * 24, 3)}),
    ]
    series = [{"series": name, "values": values} for name, values in _SERIES.items()]
    tests = {"tests": [{"interval": "5m", "input_series": series, "promql_expr_test": cases}]}
    (tmp_path / "cases.yaml").write_text(json.dumps(tests))
    done = subprocess.run(
        ["promtool", "test", "rules", "cases.yaml"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
