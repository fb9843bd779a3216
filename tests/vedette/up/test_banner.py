"""What `vedette up` says of where to look."""

from pathlib import Path
from typing import Any

from vedette.config.config import Config
from vedette.up.command import _banner

PIPELINES = {"people": {"sampling": {"fps": 2}, "stages": [{"model": "coco-detector"}]}}
TLS = {"server_cert": "cert.pem", "server_key": "key.pem"}


def banner(**settings: Any) -> str:
    config = Config.model_validate({"site": "plant-1", "nats": {"url": "nats://127.0.0.1:1"}} | settings)
    return _banner(config, Path("site.yaml"), live=False)


def test_addresses_are_those_at_which_something_answers() -> None:
    assert "Console  http://127.0.0.1:8080/ " in banner(pipelines=PIPELINES)
    without = banner(hub={"sites": []})
    assert "Console" not in without
    assert "Gateway" not in without
    assert "Sites    none yet" in without


def test_a_server_with_a_certificate_is_https() -> None:
    said = banner(pipelines=PIPELINES, gateway={"tls": TLS})
    assert "Console  https://127.0.0.1:8080/ " in said
    assert "Inference  http://127.0.0.1:8000/readyz" in said
