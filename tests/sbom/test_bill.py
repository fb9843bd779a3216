"""The committed bill of materials is of what is pinned, and holds no licence that the product must not have."""

import json
import re
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sbom.__main__ import FILE, ROOT
from sbom.bill import bill, needed, text

BILL: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
PACKAGES = {canonicalize_name(one["name"]): one for one in BILL["components"] if one["type"] == "library"}
COPYLEFT = re.compile(r"\bA?GPL|\bSSPL|\bBUSL|Affero|GNU General Public", re.IGNORECASE)


def pinned() -> dict[str, set[str]]:
    """The versions that the lock has of each package; by Python's version there may be several."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines():
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), set()).add(str(requirement.specifier).removeprefix("=="))
    return found


def licences(component: dict[str, Any]) -> str:
    said = [
        one.get("expression") or one["license"].get("id") or one["license"]["name"] for one in component["licenses"]
    ]
    return ", ".join(said)


def test_it_lists_all_that_the_product_needs_and_nothing_else() -> None:
    assert set(PACKAGES) == needed(ROOT / "pyproject.toml"), "stale: make sbom"


def test_its_versions_are_the_pinned_ones() -> None:
    lock = pinned()
    stale = {name for name, one in PACKAGES.items() if one["version"] not in lock[name]}
    assert not stale, "stale: make sbom"


def test_everything_has_a_licence_and_none_is_copyleft() -> None:
    assert {one["name"] for one in BILL["components"] if not one["licenses"]} == set()
    refused = {one["name"]: licences(one) for one in BILL["components"] if COPYLEFT.search(licences(one))}
    assert refused == {}
    assert COPYLEFT.search("AGPL-3.0-only")
    assert COPYLEFT.search("GNU General Public License v3")
    assert not COPYLEFT.search("LGPL-3.0-or-later")


def test_every_shipped_model_is_in_it_with_its_digest() -> None:
    found = {one["name"] for one in BILL["components"] if one["type"] == "machine-learning-model"}
    assert found == {card.parent.name for card in (ROOT / "models").glob("*/model.yaml")}


def test_what_the_tool_describes_beyond_that_is_left_out() -> None:
    described = {
        "components": [
            {
                "type": "library",
                "name": "Av",
                "version": "1",
                "licenses": [{"license": {"id": "BSD-3-Clause"}}],
                "x": 1,
            },
            {"type": "library", "name": "pytest", "version": "9"},
        ]
    }
    made = bill(described, {"av"}, FILE.parent, "1.0")
    assert [one["name"] for one in made["components"]] == ["Av"]
    assert "x" not in made["components"][0]
    assert json.loads(text(made)) == made
