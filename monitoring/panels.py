"""One way to make a panel and a dashboard: what is shown is data, and this file alone knows Grafana's builders.

In queries `$S` stands for the matcher of the chosen sites and `$R` for the interval of rates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    VariableOption,
    VariableRefresh,
)

Unit = Literal["short", "s", "percentunit", "bytes", "celsius", "watt", "reqps", "dtdurations"]
_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
_WIDTH, _HEIGHT = 24, 8


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression, and how its lines are called."""

    expr: str
    legend: str = ""
    only_with: str | None = None
    """What a system must have for it to give anything; None: every system has it."""

    @property
    def text(self) -> str:
        """As Grafana gets it."""
        return self.expr.replace("$S", 'site=~"$site"').replace("$R", "$__rate_interval")


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines over time, or the numbers of now."""

    title: str
    what: str
    """What it says, and when to worry."""
    queries: tuple[Query, ...]
    unit: Unit = "short"
    shape: Literal["lines", "numbers"] = "lines"
    only_with: str | None = None
    """As for a query; of all of them."""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels side by side, under a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page."""

    name: str
    """Of its file, and of its address."""
    title: str
    what: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> Sequence[Panel]:
        """All of them, in order."""
        return [panel for row in self.rows for panel in row.panels]


def json_of(page: Dashboard) -> str:
    """The dashboard as Grafana imports it."""
    board = (
        dashboard.Dashboard(page.title)
        .uid(f"vedette-{page.name}")
        .description(page.what)
        .tags(["vedette"])
        .editable()
        .refresh("30s")
        .time("now-3h", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(_sites())
    )
    for row in page.rows:
        board = board.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            board = board.with_panel(_panel(panel, _WIDTH // len(row.panels)))
    return JSONEncoder(sort_keys=True, indent=2).encode(board.build()) + "\n"


def _sites() -> dashboard.QueryVariable:
    everything = VariableOption(text="All", value="$__all")
    return (
        dashboard.QueryVariable("site")
        .label("Site")
        .datasource(_SOURCE)
        .query("label_values(vedette_bus_connected, site)")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(everything)
    )


def _panel(panel: Panel, width: int) -> "stat.Panel | timeseries.Panel":
    built = _lines() if panel.shape == "lines" else stat.Panel()
    built.title(panel.title).description(panel.what).datasource(_SOURCE).unit(panel.unit).span(width).height(_HEIGHT)
    for query, name in zip(panel.queries, "ABCDEFGH", strict=False):
        built.with_target(prometheus.Dataquery().expr(query.text).legend_format(query.legend or "__auto").ref_id(name))
    return built


def _lines() -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    return timeseries.Panel().fill_opacity(8).legend(legend.show_legend(True)).min(0)
