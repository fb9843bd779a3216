"""The chart as Helm renders it: `tests/system/chart_renderer.py` in `.venv-chart`, which `make test-system` makes."""

import json
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "vedette"
ENVIRONMENT = ROOT / ".venv-chart" / "bin"
Manifest = dict[str, Any]


class Refused(AssertionError):
    """Helm doesn't render these values."""


class Chart:
    """One process of Helm, for many renderings."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [ENVIRONMENT / "python", Path(__file__).with_name("chart_renderer.py"), CHART],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def render(self, values: dict[str, Any] | None = None) -> list[Manifest]:
        """Every object, as release `site` in the namespace `cameras`.

        Raises Refused with Helm's text.
        """
        answer = self._ask({"render": values or {}})
        if "refused" in answer:
            raise Refused(answer["refused"])
        manifests: list[Manifest] = answer["manifests"]
        return manifests

    def notes(self, values: dict[str, Any]) -> str:
        """What Helm says after an installation."""
        return str(self._ask({"render": values})["notes"])

    def lint(self) -> list[dict[str, Any]]:
        """What `helm lint` finds."""
        messages: list[dict[str, Any]] = self._ask({"lint": True})["messages"]
        return messages

    def problems(self, manifest: Manifest) -> list[str]:
        """What the schema of its kind has against it."""
        problems: list[str] = self._ask({"validate": manifest})["problems"]
        return problems

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def of_kind(manifests: list[Manifest], kind: str, name: str | None = None) -> list[Manifest]:
    """Those of `kind`, and of `name` where one is given."""
    return [one for one in manifests if one["kind"] == kind and name in (None, one["metadata"]["name"])]


def one_of(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    """The only one of that kind and name."""
    (manifest,) = of_kind(manifests, kind, name)
    return manifest


def pod_specs(manifests: list[Manifest]) -> list[Manifest]:
    """The pods of all Deployments and StatefulSets."""
    return [
        one["spec"]["template"]["spec"] for kind in ("Deployment", "StatefulSet") for one in of_kind(manifests, kind)
    ]
