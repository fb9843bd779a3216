"""`python monitoring/pictures.py FILE FOLDER`: a picture a dashboard, of what `tests.system.panel_data` has written.

They show what the panels' queries give, not how Grafana draws it. Run in an environment of its own (`make panels`).
"""

import json
import sys
from pathlib import Path
from typing import Any

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_WIDTH_IN, _ROW_IN, _DPI = 16.0, 2.7, 75
_UNITS = {"s": "s", "percentunit": "%", "bytes": "MiB", "celsius": "°C", "watt": "W", "reqps": "/s", "dtdurations": "s"}
_SCALES = {"percentunit": 100.0, "bytes": 1 / 2**20}
_GREY, _BLUE = "#8a8f98", "#1f4e8c"


def main() -> None:
    """Draw them all."""
    data, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    rcParams.update({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False})
    for dashboard in data:
        _sheet(dashboard).savefig(folder / f"{dashboard['name']}.png", dpi=_DPI)


def _sheet(dashboard: dict[str, Any]) -> Figure:
    rows = dashboard["rows"]
    figure = Figure(figsize=(_WIDTH_IN, _ROW_IN * len(rows) + 0.5), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12)
    figure.suptitle(f"{dashboard['title']}: five minutes of a small site", fontsize=13, fontweight="bold")
    for row, part in zip(rows, figure.subfigures(len(rows), 1, squeeze=False)[:, 0], strict=True):
        part.suptitle(row["title"], fontsize=10, x=0.01, ha="left", color=_GREY)
        for panel, axes in zip(row["panels"], part.subplots(1, len(row["panels"]), squeeze=False)[0], strict=True):
            unit = _UNITS.get(panel["unit"], "")
            axes.set_title(f"{panel['title']} [{unit}]" if unit else panel["title"], loc="left", fontsize=9)
            _draw(panel, axes)
    return figure


def _draw(panel: dict[str, Any], axes: Axes) -> None:
    lines, scale = [line for line in panel["lines"] if line["points"]], _SCALES.get(panel["unit"], 1.0)
    if not lines:
        why = f"needs {panel['only_with']}" if panel["only_with"] else "nothing in these minutes"
        _text(axes, why, _GREY, 9)
    elif panel["shape"] == "numbers":
        numbers = [f"{line['points'][-1][1] * scale:.4g}  {line['legend']}" for line in lines]
        _text(axes, "\n".join(numbers), _BLUE, 14)
    else:
        _plot(lines, scale, axes)


def _plot(lines: list[dict[str, Any]], scale: float, axes: Axes) -> None:
    for line in lines:
        times_s, values = zip(*line["points"], strict=True)
        axes.plot(
            [at_s / 60 for at_s in times_s], [value * scale for value in values], label=line["legend"] or None, lw=1.3
        )
    most = max(value for line in lines for _, value in line["points"])
    axes.set_ylim(bottom=0.0, top=None if most > 0 else 1.0)
    axes.set_xlim(-5, 0)
    axes.grid(alpha=0.25)
    axes.set_xlabel("minutes", fontsize=7)
    if any(line["legend"] for line in lines):
        axes.legend(fontsize=6, ncols=2, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.22))


def _text(axes: Axes, text: str, colour: str, size: int) -> None:
    axes.set_axis_off()
    middle: dict[str, Any] = {"transform": axes.transAxes, "ha": "center", "va": "center"}
    axes.text(0.5, 0.5, text, color=colour, fontsize=size, wrap=True, **middle)


if __name__ == "__main__":
    main()
