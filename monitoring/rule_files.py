"""The rules as Prometheus reads them, and as the Prometheus operator does."""

from typing import Any

from monitoring.alerts import ALERTS, RECORDINGS, Alert

_EVERY = "30s"


def groups() -> list[dict[str, Any]]:
    """The rule groups of both files."""
    recordings = [{"record": recording.name, "expr": recording.expr} for recording in RECORDINGS]
    return [
        {"name": "vedette-recordings", "interval": _EVERY, "rules": recordings},
        {"name": "vedette-alerts", "interval": _EVERY, "rules": [_rule(alert) for alert in ALERTS]},
    ]


def rule_file() -> dict[str, Any]:
    """For `rule_files:` of Prometheus."""
    return {"groups": groups()}


def manifest() -> dict[str, Any]:
    """A PrometheusRule of the Prometheus operator."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "vedette", "labels": {"app.kubernetes.io/name": "vedette"}},
        "spec": {"groups": groups()},
    }


def _rule(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.lasting,
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": alert.runbook_url,
        },
    }
