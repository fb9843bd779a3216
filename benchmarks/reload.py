"""What a hot reload costs: ten versions after one another while cameras are served; then two versions side by side.

Each part runs in a process of its own (`python -m benchmarks.reloading`). Memory is the resident set and the unique set
after each reload, with freed memory given back to the system (as the product does) and without.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.results import Result

RELOADS = 10
_ROOT = Path(__file__).parent.parent


def run(quick: bool) -> Result:
    reloads = 3 if quick else RELOADS
    figures: dict[str, Any] = {}
    for name, arguments in {"": [], "without_trim_": ["--no-trim"]}.items():
        told = _part("reload", "--reloads", str(reloads), *arguments)
        kept = told if not name else {key: value for key, value in told.items() if key.endswith("_mib")}
        figures |= {f"{name}{key}": value for key, value in kept.items()}
    figures |= _part("beside", "--seconds", "3" if quick else "12")
    return Result(
        "reload",
        f"{reloads} reloads of coco-detector under 4 cameras at 3 fps, 2 sessions; then 8 callers without a pause: the"
        " stable version alone, with a candidate for half of the cameras, with a shadow of every frame",
        figures,
        at_most={"failed": 0, "rss_growth_from_the_second_reload_on_mib": 20},  # the first two set the level
    )


def _part(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.reloading", *arguments]
    told: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=_ROOT).stdout)
    return told
