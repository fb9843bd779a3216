"""What the chart writes for programs: Vedette's configuration, and the table of its values."""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.chart import CHART, ROOT, Chart, Manifest, of_kind, one_of
from tests.system.chart_values import CASCADE, FACES, MATRIX, SECRETS
from tests.system.test_chart_nats import write_secret
from vedette.config.file import load_config

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def chart() -> Iterator[Chart]:
    chart = Chart()
    yield chart
    chart.close()


def environment_of(pod: Manifest, secrets: dict[str, str]) -> dict[str, str]:
    """What a container's environment would be; variables of Secrets are `secret`."""
    (container,) = pod["spec"]["template"]["spec"]["containers"]
    said = {one["name"]: one.get("value", "secret") for one in container["env"]}
    return {**os.environ, **said, **secrets}


@pytest.mark.parametrize("name", MATRIX)
def test_every_process_finds_its_configuration_good(chart: Chart, tmp_path: Path, name: str) -> None:
    manifests = chart.render(MATRIX[name])
    file = tmp_path / "vedette.yaml"
    text = one_of(manifests, "ConfigMap", "site-vedette")["data"]["vedette.yaml"]
    credentials = tmp_path / "nats.creds"
    credentials.write_text("creds")
    text = text.replace("/usr/share/vedette/models", str(ROOT / "models"))
    file.write_text(text.replace("/run/secrets/nats/nats.creds", str(credentials)))
    for deployment in of_kind(manifests, "Deployment"):
        environment = environment_of(deployment, {"GATE_PASSWORD": "p:1/@", "LOBBY_TOKEN": "17"})
        config = load_config(file, environment)
        assert config.site == MATRIX[name].get("site", "main")
        assert config.nats is not None
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        if container["name"] == "inference":
            assert config.inference.device == environment["VEDETTE_DEVICE"]


def test_the_configuration_passes_vedette_check(chart: Chart, tmp_path: Path) -> None:
    manifests = chart.render({"config": CASCADE, "secrets": SECRETS, "models": FACES})
    file = tmp_path / "vedette.yaml"
    text = one_of(manifests, "ConfigMap", "site-vedette")["data"]["vedette.yaml"]
    certificates = write_secret(one_of(manifests, "Secret", "site-nats-client-tls"), tmp_path / "tls")
    text = text.replace("/run/secrets/nats-tls", str(certificates))
    file.write_text(text.replace("/usr/share/vedette/models", str(ROOT / "models")))
    gateway = one_of(manifests, "Deployment", "site-vedette-gateway")
    (created,) = [one for one in of_kind(manifests, "Secret") if "stringData" in one]
    environment = environment_of(gateway, created["stringData"])
    command = [sys.executable, "-m", "vedette", "check", str(file)]
    checked = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "p:1/@" not in checked.stdout


def test_keys_that_the_chart_makes_are_keys(chart: Chart) -> None:
    keys = one_of(chart.render(), "Secret", "site-vedette-keys")["data"]
    assert keys.keys() == {"cameras.key", "identities.key"}
    for key in keys.values():
        assert len(base64.b64decode(base64.b64decode(key))) == 32


def test_the_readme_has_every_value() -> None:
    command = [sys.executable, str(CHART.parent / "value_table.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0
