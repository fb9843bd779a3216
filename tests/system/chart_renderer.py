"""Helm, and the schemas of what it renders, in an environment of their own: a JSON object a line in, one a line out.

`{"render": values}` → `{"manifests": [object, …]}` or `{"refused": text}`; `{"lint": path}` → `{"messages": […]}`;
`{"validate": manifest}` → `{"problems": [text, …]}`. The chart is the program's argument.
"""

import json
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

import helm_python
import kubernetes_validate
import yaml
from pydantic import ValidationError

KUBERNETES = ("1.30.0", "1.37.0")
"""The oldest that the chart is for, and the newest whose schemas there are."""
MODULES = {
    "monitoring.coreos.com/v1": "cloudcoil.models.prometheus_operator.v1",
    "networking.istio.io/v1": "cloudcoil.models.istio.networking.v1",
    "security.istio.io/v1": "cloudcoil.models.istio.security.v1",
    "keda.sh/v1alpha1": "cloudcoil.models.keda.v1alpha1",
}


def rendered(path: str, values: dict[str, Any]) -> dict[str, Any]:
    """All objects that an installation would make, or why it is refused."""
    try:
        with helm_python.Chart.load(path) as chart:  # anew: one that was rendered has lost dependencies that were off
            texts = chart.render(values, name="site", namespace="cameras")
    except helm_python.HelmError as error:
        return {"refused": str(error)}
    notes = [text for name, text in texts.items() if name.endswith("NOTES.txt")]
    manifests = [
        manifest
        for name, text in texts.items()
        if not name.endswith("NOTES.txt")
        for manifest in yaml.safe_load_all(text)
        if manifest is not None
    ]
    return {"manifests": manifests, "notes": "".join(notes)}


def problems(manifest: dict[str, Any]) -> list[str]:
    """What its schema has against it; a key that the schema doesn't know is a problem too."""
    module = MODULES.get(manifest["apiVersion"])
    if module is not None:
        return list(_of_custom_resource(manifest, module))
    found = []
    for version in KUBERNETES:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            found.append(f"Kubernetes {version}: {error.message}")
    return found


def _of_custom_resource(manifest: dict[str, Any], module: str) -> Iterator[str]:
    try:
        read = _class(module, manifest["kind"]).model_validate(manifest)
    except ValidationError as error:
        yield str(error)
        return
    yield from _lost(manifest, read.model_dump(by_alias=True, exclude_unset=True, mode="json"), manifest["kind"])


@cache
def _class(module: str, kind: str) -> Any:
    return getattr(import_module(module), kind)


def _lost(said: Any, read: Any, path: str) -> Iterator[str]:
    """Keys of `said` that are not in `read`: the classes leave out what they don't know."""
    if isinstance(said, dict):
        for key, value in said.items():
            if not isinstance(read, dict) or key not in read:
                yield f"{path}.{key}: is unknown"
            else:
                yield from _lost(value, read[key], f"{path}.{key}")
    elif isinstance(said, list) and isinstance(read, list):
        for index, (one, other) in enumerate(zip(said, read, strict=False)):
            yield from _lost(one, other, f"{path}[{index}]")


def main(path: str) -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        if "render" in asked:
            answer = rendered(path, asked["render"])
        elif "lint" in asked:
            answer = helm_python.lint(path)
        else:
            answer = {"problems": problems(asked["validate"])}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
