"""`python -m tests.system.panel_data FILE`: what every panel of the dashboards shows of a real system, as JSON.

The system, the Prometheus and the receiver of webhooks are those of `test_monitoring.py`; they run for some minutes.
`make panels` draws pictures of it.
"""

import json
import math
import re
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from monitoring.dashboards import DASHBOARDS
from monitoring.panels import Dashboard, Panel, Query
from tests.end_to_end.site import ROOT, site
from tests.free_ports import free_port
from tests.system.monitoring_stack import Prometheus, asking, receiver, until, watched
from tests.system.test_monitoring import CONFIG, addresses, here, page

RUNS_FOR_S = 300
STEP_S = 2
_MOST_LINES = 12
_LABEL = re.compile(r"\{\{(\w+)\}\}")
_SHIPPED = ROOT / "configs" / "alertmanager" / "alertmanager.yaml"


def main() -> None:
    """Write it."""
    with tempfile.TemporaryDirectory() as folder:
        data = _recorded(Path(folder))
    Path(sys.argv[1]).write_text(json.dumps(data))


def _recorded(folder: Path) -> list[dict[str, Any]]:
    for name in ("site", "prometheus"):
        (folder / name).mkdir()
    with receiver() as hooks, site(folder / "site") as system:
        video = ROOT / "media" / "pedestrians.mp4"
        values = {"site": system.name, "rtsp": free_port(), "nobody": free_port(), "video": video}
        system.config.write_text(CONFIG.format(**values, models=ROOT / "models", webhook=hooks.url))
        system.start()
        until(lambda: len(addresses(system)) == 3, system.text)
        targets = addresses(system)
        with watched(folder / "prometheus", targets, _SHIPPED, hooks) as prometheus:
            until(prometheus.ready, "Prometheus is ready")
            inference = next(target for target in targets if "model_inference" in page(target))
            picture = cv2.imencode(".jpg", np.full((120, 160, 3), 90, np.uint8))[1].tobytes()
            with asking(f"http://{inference}/api/v1/detect", picture):
                time.sleep(RUNS_FOR_S)
                return [_of_dashboard(prometheus, one) for one in DASHBOARDS.values()]


def _of_dashboard(prometheus: Prometheus, dashboard: Dashboard) -> dict[str, Any]:
    rows = [
        {"title": row.title, "panels": [_of_panel(prometheus, panel) for panel in row.panels]} for row in dashboard.rows
    ]
    return {"name": dashboard.name, "title": dashboard.title, "rows": rows}


def _of_panel(prometheus: Prometheus, panel: Panel) -> dict[str, Any]:
    lines = [line for query in panel.queries for line in _lines(prometheus, query)]
    shown = {"title": panel.title, "unit": panel.unit, "shape": panel.shape, "only_with": panel.only_with}
    return {**shown, "lines": lines[:_MOST_LINES], "more": max(0, len(lines) - _MOST_LINES)}


def _lines(prometheus: Prometheus, query: Query) -> list[dict[str, Any]]:
    end_s = time.time()
    asked = {"query": here(query), "start": end_s - RUNS_FOR_S, "end": end_s, "step": STEP_S}
    url = f"{prometheus.url}/api/v1/query_range"
    with urllib.request.urlopen(url, urllib.parse.urlencode(asked).encode(), timeout=60) as answer:
        found = json.load(answer)["data"]["result"]
    return [{"legend": _legend(query, one["metric"]), "points": _points(one["values"], end_s)} for one in found]


def _points(values: list[tuple[float, str]], end_s: float) -> list[tuple[float, float]]:
    """Seconds before the end, and what it was then."""
    numbers = [(at_s - end_s, float(value)) for at_s, value in values]
    return [point for point in numbers if math.isfinite(point[1])]


def _legend(query: Query, labels: Mapping[str, str]) -> str:
    """As Grafana writes it: of a label that is not there nothing."""
    if not query.legend:
        return ", ".join(f"{name}={value}" for name, value in labels.items() if name != "__name__")
    return _LABEL.sub(lambda match: labels.get(match[1], ""), query.legend).strip()


if __name__ == "__main__":
    main()
