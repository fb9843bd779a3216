"""Vedette as a user starts it: a bus, and `vedette inference CONFIG --model NAME`, without any tuning from outside."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML

from benchmarks.processes import free_port
from benchmarks.serving import wire
from benchmarks.serving.models import TINY_SIDE, ServedModel
from benchmarks.serving.servers import Start
from benchmarks.serving.workloads import Kind
from tests.nats_server import NatsServer

WAY = "v2 REST, binary tensors; a JPEG as the body of :detect"


@contextlib.contextmanager
def vedette(model: ServedModel, repository: Path, folder: Path) -> Iterator[Start]:
    """The inference process of `model`, to be started while this lasts; nobody else is on its bus."""
    bus = NatsServer(folder)
    bus.start()
    config = folder / "site.yaml"
    port, grpc_port = free_port(), free_port()
    settings = {
        "site": "bench",
        "nats": {"url": bus.url},
        "models": {"path": str(repository)},
        "pipelines": {"bench": {"sampling": {"fps": 1}, "stages": [{"model": model.name}]}},
        "inference": {"sessions": 2, "threads": 1, "device": "cpu"},
    }
    with config.open("w") as stream:
        YAML(typ="safe", pure=True).dump(settings, stream)
    words = [sys.executable, "-m", "vedette", "inference", str(config), "--model", model.name]
    try:
        environ = {"VEDETTE_STATE": str(folder / "state")}
        listen = ["--listen", f"127.0.0.1:{port}", "--grpc-listen", f"127.0.0.1:{grpc_port}"]
        yield Start([*words, *listen], environ, port, grpc_port)
    finally:
        bus.close()


def request(model: str, kind: Kind, item: bytes) -> bytes:
    if kind == "raw":
        return wire.v2_binary(model, "images", "UINT8", [1, TINY_SIDE, TINY_SIDE, 3], item)
    return wire.post(f"/v1/models/{model}:detect", item, "image/jpeg")
