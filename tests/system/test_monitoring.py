"""The whole of monitoring: a real system, a real Prometheus with every panel's query, a real Alertmanager."""

import math
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from monitoring.dashboards import DASHBOARDS
from monitoring.panels import Panel, Query
from tests.end_to_end.site import ROOT, Site, site
from tests.free_ports import free_port
from tests.system.monitoring_stack import RATES_OVER, Prometheus, Receiver, asking, receiver, until, watched
from tests.test_metrics_page import rows

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

CANNOT = {
    "an NVIDIA GPU and the package nvidia-ml-py": "there is no GPU in the machines that run the tests",
    "a past of six hours": "a minute has no trend; the query parses, and promtool has its cases (test_forecast.py)",
    "a load that grows, and a past of six hours": "the same",
}
"""Why a panel, or a line of it, shows nothing here, by what it needs."""
CONFIG = """
site: {site}
listen: {{nats: 127.0.0.1:0, gateway: 127.0.0.1:0, inference: 127.0.0.1:0, events: 127.0.0.1:0}}
simulator: {{listen: 127.0.0.1:{rtsp}, videos: [{video}]}}
cameras:
  street:
    url: rtsp://127.0.0.1:{rtsp}/pedestrians
    pipeline: people
    zones: {{all: {{polygon: [[0, 0], [1, 0], [1, 1], [0, 1]]}}}}
  broken: {{url: rtsp://127.0.0.1:{nobody}/none, pipeline: people}}
pipelines:
  people:
    sampling: {{fps: 5}}
    stages: [{{model: coco-detector@^1, confidence: 0.4}}]
models: {{path: {models}}}
sinks: {{alarm: {{webhook: "{webhook}/events"}}}}
inference: {{sessions: 1}}
retention: {{detections_gib: 0.5, events_gib: 0.5, clips_mib: 64}}
"""
_ADDRESS = re.compile(r"health and \w+ on http://(127\.0\.0\.1:\d+)")


def addresses(running: Site) -> list[str]:
    return sorted(set(_ADDRESS.findall(running.text())))


@pytest.fixture(scope="module")
def hooks() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, hooks: Receiver) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site")) as running:
        video = ROOT / "media" / "pedestrians.mp4"
        values = {"site": running.name, "rtsp": free_port(), "nobody": free_port(), "video": video}
        running.config.write_text(CONFIG.format(**values, models=ROOT / "models", webhook=hooks.url))
        running.start()
        until(lambda: len(addresses(running)) == 3, running.text)
        yield running


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory, system: Site, hooks: Receiver) -> Iterator[Prometheus]:
    shipped, targets = ROOT / "configs/alertmanager/alertmanager.yaml", addresses(system)
    with watched(tmp_path_factory.mktemp("prometheus"), targets, shipped, hooks) as running:
        until(running.ready, "Prometheus is ready")
        inference = next(target for target in targets if "model_inference" in page(target))
        picture = cv2.imencode(".jpg", np.full((120, 160, 3), 90, np.uint8))[1].tobytes()
        with asking(f"http://{inference}/api/v1/detect", picture):
            yield running


def page(target: str) -> str:
    with urllib.request.urlopen(f"http://{target}/metrics", timeout=60) as answer:
        text: str = answer.read().decode()
    return text


def here(query: Query) -> str:
    """As Grafana would send it, for all sites."""
    return query.text.replace("$site", ".*").replace("$__rate_interval", RATES_OVER)


def answered(prometheus: Prometheus, query: Query) -> bool:
    """Whether it gives a number. Raises ValueError: it does not parse."""
    return any(not math.isnan(float(found["value"][1])) for found in prometheus.ask(here(query)))


def all_panels() -> list[tuple[str, Panel]]:
    return [(name, panel) for name, page in DASHBOARDS.items() for panel in page.panels]


def needed(panel: Panel, query: Query) -> tuple[str | None, str | None]:
    return panel.only_with, query.only_with


def test_the_query_of_every_panel_gives_data_or_is_listed_with_why_it_cannot(prometheus: Prometheus) -> None:
    wanted = [(name, panel, query) for name, panel in all_panels() for query in panel.queries]
    silent = [
        (name, panel.title, query.expr) for name, panel, query in wanted if not {*needed(panel, query)} & {*CANNOT}
    ]

    def left() -> list[tuple[str, str, str]]:
        silent[:] = [one for one in silent if not answered(prometheus, Query(one[2]))]
        return silent

    until(lambda: not left(), lambda: silent)
    for _, panel, query in wanted:
        if {*needed(panel, query)} & {*CANNOT}:
            answered(prometheus, query)  # it parses


def test_every_metric_of_the_running_processes_is_on_the_page_and_as_prometheus_wants_it(system: Site) -> None:
    known = {cells[0].strip("`") for cells in rows()}
    for target in addresses(system):
        text = page(target)
        families = re.findall(r"^# TYPE ((?:vedette|model|gpu)_\S+) ", text, re.MULTILINE)
        assert families
        assert set(families) <= known
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
        complaints = [line for line in done.stdout.splitlines() + done.stderr.splitlines() if "vedette" in line]
        assert not complaints


def test_an_alert_reaches_the_webhook_of_an_alertmanager(prometheus: Prometheus, hooks: Receiver) -> None:
    def told() -> list[str]:
        return [
            alert["annotations"]["summary"]
            for alert in hooks.alerts("/day")
            if alert["labels"]["alertname"] == "VedetteCameraDown" and alert["status"] == "firing"
        ]

    until(lambda: "Camera broken is down" in told(), lambda: hooks.got)
    assert "Camera street is down" not in told()
    [runbook] = {alert["annotations"]["runbook_url"] for alert in hooks.alerts("/day") if "broken" in str(alert)}
    assert (Path(ROOT) / "docs" / "runbooks" / runbook.rpartition("/")[2]).exists()
