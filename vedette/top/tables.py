"""The tables of `vedette top`: as many columns as the terminal is wide, and as many cameras as it is high."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vedette.top.look import Camera, Look, Model, Process, Stage

_BETWEEN = 2
_FEWEST_CAMERAS = 3

SORTS: dict[str, Callable[[Camera], object]] = {
    "name": lambda one: one.name,
    "cpu": lambda one: (-(one.cpu or 0.0), one.name),
    "age": lambda one: (-(one.age_ms or 0.0), one.name),
    "superseded": lambda one: (-(one.superseded_share or 0.0), one.name),
    "dropped": lambda one: (-one.dropped_per_s, one.name),
    "down": lambda one: (one.up is not False, one.name),
}
"""Orders of cameras: the largest first, but for names."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column; those of the highest `order` go first where there is no room."""

    title: str
    cells: Sequence[str]
    order: int = 0
    left: bool = False

    @property
    def width(self) -> int:
        """Of its longest text, in cells."""
        return max(cell_len(text) for text in (self.title, *self.cells))


def tables(look: Look, head: str, notices: Sequence[str], sort: str, width: int, height: int | None) -> Group:
    """All of them, the ones that matter most on top; with a height, cameras that are too many are left out and counted,
    and processes are what the terminal cuts off."""
    said = [*notices, *(f"{one.name} is away: {one.away}" for one in look.processes if one.away)]
    parts: list[RenderableType] = [_line(head, "bold", width), *(_line(text, "yellow", width) for text in said)]
    above = [columns for columns in (_stages(look.stages), _models(look.models)) if columns[0].cells]
    for columns in above:
        parts += [Text(), _table(columns, width)]
    cameras = sorted(look.cameras, key=SORTS[sort])  # type: ignore[arg-type]  # each order's keys are of one kind
    used = 1 + len(said) + sum(2 + len(columns[0].cells) for columns in above)
    most = len(cameras) if height is None else max(_FEWEST_CAMERAS, height - used - 3)
    if cameras:
        parts += [Text(), _table(_cameras(cameras[:most]), width)]
    if len(cameras) > most:
        parts.append(_line(f"… and {len(cameras) - most} more (--sort says which are shown)", "dim", width))
    if look.processes:
        parts += [Text(), _table(_processes(look.processes), width)]
    return Group(*parts)


def _line(text: str, style: str, width: int) -> Text:
    line = Text(text, style=style)
    line.truncate(width, overflow="ellipsis")
    return line


def _table(columns: Sequence[Column], width: int) -> Table:
    kept = list(columns)
    while len(kept) > 1 and sum(one.width + _BETWEEN for one in kept) - _BETWEEN > width:
        kept.remove(max(kept[1:], key=lambda one: one.order))
    table = Table(box=None, pad_edge=False, padding=(0, _BETWEEN, 0, 0), header_style="bold")
    for column in kept:
        table.add_column(column.title, justify="left" if column.left else "right", no_wrap=True, overflow="ellipsis")
    for cells in zip(*(one.cells for one in kept), strict=True):
        table.add_row(*map(_cell, cells))
    return table


def _cell(text: str) -> Text:
    return Text(text, style="red" if text.startswith(("away", "down")) else "")


def _processes(rows: Sequence[Process]) -> list[Column]:
    return [
        Column("process", [one.name for one in rows], left=True),
        Column("cpu", [_share(one.cpu) for one in rows], 1),
        Column("memory", ["" if one.memory_mib is None else f"{one.memory_mib:.0f} MiB" for one in rows], 2),
        Column("state", ["" if one.away is None else f"away: {one.away}" for one in rows], 3, left=True),
        Column("address", [one.address for one in rows], 4, left=True),
    ]


def _stages(rows: Sequence[Stage]) -> list[Column]:
    return [
        Column("stage", [one.name for one in rows], left=True),
        Column("p50 ms", [_ms(one.p50_ms) for one in rows], 2),
        Column("p95 ms", [_ms(one.p95_ms) for one in rows], 1),
        Column("mean ms", [_ms(one.mean_ms) for one in rows], 4),
        Column("per s", [_rate(one.per_s) for one in rows], 3),
    ]


def _cameras(rows: Sequence[Camera]) -> list[Column]:
    return [
        Column("camera", [one.name for one in rows], left=True),
        Column("state", ["" if one.up is None else "live" if one.up else "down" for one in rows], 1, left=True),
        Column("cpu", [_share(one.cpu) for one in rows], 4),
        Column("received/s", [_rate(one.received_per_s) for one in rows], 8),
        Column("sampled/s", [_rate(one.sampled_per_s) for one in rows], 6),
        Column("inferred/s", [_rate(one.inferred_per_s) for one in rows], 3),
        Column("age ms", [_ms(one.age_ms) for one in rows], 2),
        Column("superseded", [_share(one.superseded_share) for one in rows], 5),
        Column("dropped/s", [_rate(one.dropped_per_s) for one in rows], 7),
    ]


def _models(rows: Sequence[Model]) -> list[Column]:
    protocols = [", ".join(f"{name} {rate:.1f}" for name, rate in one.protocols.items()) for one in rows]
    return [
        Column("model", [one.name for one in rows], left=True),
        Column("version", [one.versions for one in rows], 8, left=True),
        Column("busy", [_share(one.busy) for one in rows], 2),
        Column("batches/s", [_rate(one.batches_per_s) for one in rows], 7),
        Column("batch", ["–" if one.batch is None else f"{one.batch:.1f}" for one in rows], 3),
        Column("queue p95", [_ms(one.queue_p95_ms) for one in rows], 4),
        Column("infer p50", [_ms(one.infer_p50_ms) for one in rows], 6),
        Column("infer p95", [_ms(one.infer_p95_ms) for one in rows], 1),
        Column("age p95", [_ms(one.age_p95_ms) for one in rows], 5),
        Column("requests/s", protocols, 9, left=True),
    ]


def _ms(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _rate(value: float) -> str:
    return f"{value:.1f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f} %"
