"""compose.yaml: what can be told without a container runtime."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.system.chart import ROOT
from vedette.config.file import load_config

PINNED = re.compile(r":v?\d+\.\d+\.\d+[\w.-]*$")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    read: dict[str, Any] = YAML(typ="safe").load(ROOT / "compose.yaml")
    return read


def test_every_service_is_hardened_and_its_image_pinned(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert PINNED.search(service["image"]), name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_what_services_refer_to_is_there(compose: dict[str, Any]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for name, service in compose["services"].items():
        if "build" in service:
            assert f" AS {service['build']['target']}\n" in dockerfile
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            made = source.startswith("./tls/")  # by docker/certificates
            there = (ROOT / source).exists() or made if source.startswith("./") else source in compose["volumes"]
            assert there, f"{name}: {source}"
        assert set(service.get("depends_on", {})) <= set(compose["services"])
        assert set(service["networks"]) <= set(compose["networks"])


def test_the_site_is_a_good_configuration_whose_models_are_served(compose: dict[str, Any]) -> None:
    config = load_config(
        Path(ROOT / "configs/compose/site.yaml"), {"VEDETTE_NATS_USER": "gateway", "VEDETTE_NATS_PASSWORD": "secret"}
    )
    commands = [service.get("command", []) for service in compose["services"].values()]
    served = {command[command.index("--model") + 1] for command in commands if "--model" in command}
    assert served == set(config.model_names())


def test_prometheus_scrapes_every_process(compose: dict[str, Any]) -> None:
    read = YAML(typ="safe").load(ROOT / "configs/compose/prometheus.yaml")
    (job,) = read["scrape_configs"]
    targets = {target.split(":")[0] for one in job["static_configs"] for target in one["targets"]}
    assert targets == {"gateway", "coco-detector", "events"}
