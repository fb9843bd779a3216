"""What was measured, as JSON and as Markdown."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from inference.gpu_check.measurement import Measured


def write(folder: Path, machine: Mapping[str, str], results: Sequence[Measured]) -> list[Path]:
    """The two files. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = [{**asdict(result), "good": result.good} for result in results]
    data = folder / "gpu-check.json"
    data.write_text(json.dumps({"machine": dict(machine), "results": entries}, indent=2, ensure_ascii=False) + "\n")
    text = folder / "gpu-check.md"
    text.write_text(markdown(machine, results))
    return [data, text]


def markdown(machine: Mapping[str, str], results: Sequence[Measured]) -> str:
    """One page."""
    lines = ["# GPU check", "", *(f"- {name}: {value}" for name, value in machine.items()), ""]
    lines += ["| model | device | precision | who ran it | compared | matched | apart | opened in | verdict |"]
    lines += ["|---|---|---|---|---|---|---|---|---|"]
    lines += [_verdict(result) for result in results]
    lines += ["", "| model | device | batch | ms | rows/s | |", "|---|---|---|---|---|---|"]
    for result in results:
        for size, ms in result.milliseconds.items():
            best = "best" if size == result.best_batch else ""
            lines.append(f"| {result.model} | {result.device} | {size} | {ms:.2f} | {1000 * size / ms:.0f} | {best} |")
    return "\n".join(lines) + "\n"


def _verdict(result: Measured) -> str:
    head = f"| {result.model} | {result.device} | {result.precision} |"
    if result.agreement is None:
        reason = " ".join(result.error.split())[:300].replace("|", "/")
        return f"{head} | | | | | not run: {reason} |"
    seen, verdict = result.agreement, "agrees" if result.good else "**differs**"
    figures = f"{seen.compared} | {seen.matched:.1%} | {seen.apart:.2g} | {result.open_s:.1f} s"
    return f"{head} {result.placement or 'CPU'} | {figures} | {verdict} |"
