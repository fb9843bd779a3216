"""The alerts as Prometheus' own tool evaluates them: each fires when it should, and does not when it should not."""

import json
import subprocess
from pathlib import Path

import pytest

from monitoring.alerts import ALERTS
from monitoring.rule_files import rule_file
from tests.monitoring.alert_cases import CASES, Case

pytestmark = pytest.mark.system


def _test(case: Case) -> dict[str, object]:
    alert = next(one for one in ALERTS if one.name == case.alert)
    expected = {
        "exp_labels": {**case.labels, "severity": alert.severity},
        "exp_annotations": {
            "summary": case.summary,
            "description": alert.description,
            "runbook_url": alert.runbook_url,
        },
    }
    return {
        "interval": "1m",
        "name": f"{case.alert}: {case.what}",
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "alert_rule_test": [
            {
                "alertname": case.alert,
                "eval_time": case.at,
                "exp_alerts": [] if case.summary is None else [expected],
            }
        ],
    }


def test_every_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(json.dumps(rule_file()))  # JSON is YAML
    tests = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [_test(case) for case in CASES]}
    (tmp_path / "cases.yaml").write_text(json.dumps(tests))
    done = subprocess.run(
        ["promtool", "test", "rules", "cases.yaml"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", ["configs/prometheus/vedette-rules.yaml", "configs/prometheus/prometheus.yaml"])
def test_the_files_that_are_shipped_are_what_prometheus_takes(file: str) -> None:
    kind = "rules" if "rules" in file else "config"
    done = subprocess.run(["promtool", "check", kind, file], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alertmanager_s_file_that_is_shipped_is_what_it_takes() -> None:
    done = subprocess.run(
        ["amtool", "check-config", "configs/alertmanager/alertmanager.yaml"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
