"""On which device the nodes of a graph really ran, as ONNX Runtime's own profile of a run tells."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inference.runtime.devices import CPU


@dataclass(frozen=True, slots=True)
class Placement:
    """Runs of nodes by execution provider."""

    nodes: Mapping[str, int]
    """TensorRT's nodes are whole parts of the graph."""
    microseconds: Mapping[str, int]

    @property
    def on_cpu(self) -> float:
        """Share of nodes that ran on the CPU, 0 to 1."""
        total = sum(self.nodes.values())
        return self.nodes.get(CPU, 0) / total if total else 0.0

    def __str__(self) -> str:
        parts = [f"{count} on {provider.removesuffix('ExecutionProvider')}" for provider, count in self.nodes.items()]
        return f"nodes: {', '.join(parts) or 'none'}; {self.on_cpu:.0%} on the CPU"


def placement_of(profile: Path) -> Placement:
    """From the file that `InferenceSession.end_profiling` names. Raises ValueError if it is no such profile."""
    events = json.loads(profile.read_text())
    nodes: Counter[str] = Counter()
    microseconds: Counter[str] = Counter()
    for event in events:
        provider = event.get("args", {}).get("provider")
        if event.get("cat") == "Node" and provider:
            nodes[provider] += 1
            microseconds[provider] += int(event.get("dur", 0))
    return Placement(dict(nodes.most_common()), dict(microseconds))
