"""What the architecture says of imports, held by a test."""

import ast
from pathlib import Path

import pytest

from vedette.config.file import load_config

ROOT = Path(__file__).parent.parent
SERVICES = ("gateway", "inference", "events")
PURE: tuple[str, ...] = (
    "gateway/gate/activity_gate.py",
    "gateway/gate/keyframe_gap.py",
    "gateway/gate/packet_sizes.py",
    "gateway/fleet/ledger.py",
    "gateway/reading/capture_clock.py",
    "gateway/processes/placement.py",
    "gateway/reading/sampler.py",
    "gateway/reading/decode_strategy.py",
    "gateway/sources/pacing.py",
    "gateway/reading/watchdog.py",
    "inference/repository/references.py",
    "inference/runtime/batch_policy.py",
    "inference/runtime/batching.py",
    "vedette/geometry.py",
    "events/ownership/shares.py",
    "events/scenes/recording_order.py",
    "vedette/retry.py",
    "vedette/watching/story.py",
    "vedette/subscriber/order.py",
)
PURE += ("events/snapshots/choice.py", "events/snapshots/portrait.py", "vedette/snapshots/record.py")
PURE += ("events/scene.py", "events/scene_state.py", "events/settings.py", "events/picture_judge.py")
PURE += tuple(
    str(file.relative_to(ROOT))
    for folder in ("tracking", "objects", "zones")
    for file in sorted((ROOT / "events" / folder).glob("*.py"))
)
PORTS = {"av", "nats", "aiohttp", "asyncio", "threading", "onnxruntime", "cv2"}


def imported(file: Path) -> set[str]:
    """Full names of the modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def packages(file: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(file)}


def files(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_services_never_import_one_another(service: str) -> None:
    others = set(SERVICES) - {service}
    assert {str(file): sorted(packages(file) & others) for file in files(service) if packages(file) & others} == {}


def test_the_contract_package_imports_no_service() -> None:
    offenders = [str(file) for file in files("vedette") if packages(file) & set(SERVICES)]
    assert offenders == []


@pytest.mark.parametrize("file", PURE)
def test_the_core_knows_no_port(file: str) -> None:
    assert packages(ROOT / file) & PORTS == set()


def test_the_imports_of_our_own_modules_have_no_circle() -> None:
    modules = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): imported(file)
        for package in ("vedette", *SERVICES)
        for file in files(package)
    }
    graph = {name: {target for target in targets if target in modules} for name, targets in modules.items()}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"a circle of imports: {' → '.join((*path[path.index(name) :], name))}"
        if name not in done:
            for target in graph[name]:
                visit(target, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_every_configuration_that_is_shipped_loads(path: Path) -> None:
    assert load_config(path).pipelines
