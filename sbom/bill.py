"""The bill, cut down to what a reader needs: name, version, licences, where it comes from. Pure.

`cyclonedx-py environment` describes every package that is installed; kept are those that the product needs, with its
extras `cpu` and `s3`, and not what only develops it. The models that are shipped are added, by their cards.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

EXTRAS = ("cpu", "s3")
_UNSTATED = {"protobuf": "BSD-3-Clause"}
"""Licences of packages that say nothing of it in their metadata: from their sources."""
_KEPT = ("type", "name", "version", "purl", "licenses")


def needed(pyproject: Path) -> set[str]:
    """Canonical names of all packages that a project needs with `EXTRAS`, as far as they are installed here."""
    project = tomllib.loads(pyproject.read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *(one for extra in EXTRAS for one in project["optional-dependencies"][extra])]
    found: set[tuple[str, str]] = set()
    waiting = [one for text in asked for one in _of(Requirement(text), "")]
    while waiting:
        name, extra = one = waiting.pop()
        if one not in found:
            found.add(one)
            requirements = map(Requirement, distribution(name).requires or ())
            waiting += [more for requirement in requirements for more in _of(requirement, extra)]
    return {name for name, _ in found}


def _of(requirement: Requirement, extra: str) -> list[tuple[str, str]]:
    """The package with each of the extras that are asked for; nothing where its marker doesn't hold."""
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
        return []
    return [(canonicalize_name(requirement.name), more) for more in ("", *requirement.extras)]


def bill(described: Mapping[str, Any], packages: set[str], models: Path, version: str) -> dict[str, Any]:
    """The bill of `packages` as they are `described`, and of the models in a folder."""
    components = [
        {key: one[key] for key in _KEPT if key in one}
        for one in described["components"]
        if canonicalize_name(one["name"]) in packages
    ]
    for component in components:
        unstated = _UNSTATED.get(canonicalize_name(component["name"]))
        component["licenses"] = _licences(component.get("licenses", ())) or [_named(unstated)] * bool(unstated)
    components += _models(models)
    product = {"type": "application", "name": "vedette", "version": version, "licenses": [_named("Apache-2.0")]}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": product},
        "components": sorted(components, key=lambda one: (one["type"], one["name"].lower(), one["version"])),
    }


def text(content: Mapping[str, Any]) -> str:
    """As it is committed: a component a line."""
    lines = [json.dumps(one, ensure_ascii=False) for one in content["components"]]
    head = json.dumps({**content, "components": []}, ensure_ascii=False).removesuffix("]}")
    return head + "\n" + ",\n".join(lines) + "\n]}\n"


def _licences(licences: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Names and expressions, without the texts of licences."""
    kept = []
    for one in licences:
        if "expression" in one:
            kept.append({"expression": one["expression"]})
        elif name := one["license"].get("id") or one["license"].get("name"):
            kept.append(_named(name))
    return [one for n, one in enumerate(kept) if one not in kept[:n]]


def _named(licence: str | None) -> dict[str, Any]:
    return {"license": {"name" if " " in str(licence) else "id": licence}}


def _models(folder: Path) -> list[dict[str, Any]]:
    cards = [YAML(typ="safe", pure=True).load(card) for card in sorted(folder.glob("*/model.yaml"))]
    return [
        {
            "type": "machine-learning-model",
            "name": card["name"],
            "version": version,
            "hashes": [{"alg": "SHA-256", "content": said["sha256"]}],
            "licenses": [_named(said["licence"])],
        }
        for card in cards
        for version, said in card["versions"].items()
    ]
