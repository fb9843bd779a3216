"""A soak as a picture: a panel a quantity, a line a process. SVG, written by hand."""

from collections.abc import Mapping, Sequence
from html import escape

Line = Sequence[tuple[float, float]]
"""Points: seconds, value."""
_WIDE, _HIGH, _LEFT, _RIGHT, _GAP = 960, 150, 70, 190, 46
_COLOURS = (
    "#0b6e99",
    "#c2571a",
    "#2f8132",
    "#8e3b8e",
    "#b3261e",
    "#5d6b00",
    "#006d77",
    "#7a4b2a",
    "#3f51b5",
    "#616161",
)


def svg(title: str, panels: Mapping[str, Mapping[str, Line]]) -> str:
    """`panels` by their headings, with the lines by name."""
    names = sorted({name for lines in panels.values() for name in lines})
    colours = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(names)}
    height = 40 + len(panels) * (_HIGH + _GAP) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDE}" height="{height}" viewBox="0 0 {_WIDE} {height}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDE}" height="{height}" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-size="15">{escape(title)}</text>',
    ]
    for number, (heading, lines) in enumerate(panels.items()):
        parts += _panel(heading, lines, colours, 40 + number * (_HIGH + _GAP))
    return "\n".join([*parts, "</svg>", ""])


def _panel(heading: str, lines: Mapping[str, Line], colours: Mapping[str, str], top: float) -> list[str]:
    points = [point for line in lines.values() for point in line]
    if not points:
        return []
    last_s = max(at_s for at_s, _ in points) or 1.0
    highest = max(value for _, value in points) * 1.05 or 1.0
    across, bottom = _WIDE - _LEFT - _RIGHT, top + 14 + _HIGH
    parts = [f'<text x="{_LEFT}" y="{top + 8:.0f}" font-weight="bold">{escape(heading)}</text>']
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * _HIGH
        parts.append(f'<path d="M{_LEFT} {y:.1f}h{across}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{highest * share:.3g}</text>')
        x = _LEFT + share * across
        parts.append(
            f'<text x="{x:.1f}" y="{bottom + 15:.1f}" text-anchor="middle">{last_s * share / 60:.0f} min</text>'
        )
    for number, (name, line) in enumerate(lines.items()):
        path = " ".join(
            f"{_LEFT + at_s / last_s * across:.1f},{bottom - value / highest * _HIGH:.1f}" for at_s, value in line
        )
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colours[name]}" stroke-width="1.3"/>')
        y = top + 22 + number * 14
        parts.append(f'<text x="{_WIDE - _RIGHT + 10}" y="{y:.0f}" fill="{colours[name]}">{escape(name)}</text>')
    return parts
