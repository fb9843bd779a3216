"""How each server is set up, and how it is asked: its fair best on two cores, with the reasons.

Everywhere two sessions of one thread, so that both cores infer. `Batching` is what each peer that batches is given.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import free_port
from benchmarks.serving import wire
from benchmarks.serving.environments import environment, python, site_packages
from benchmarks.serving.models import TINY_SIDE, ServedModel
from benchmarks.serving.servers import ALLOCATOR, Start
from benchmarks.serving.workloads import Kind

ENTRIES = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Batching:
    """How a peer's batcher is set."""

    rows: int
    """At most; 1: none."""
    window_ms: float
    """How long the first may wait for others."""


@dataclass(frozen=True)
class Site:
    """Where a server finds what it serves."""

    model: ServedModel
    kind: Kind
    batching: Batching
    folder: Path
    """Empty, its own."""
    decoder: str

    def environ(self, port: int) -> dict[str, str]:
        """What `peers/work.py` and the peers' entries read."""
        return {
            **ALLOCATOR,
            "MODEL": str(self.model.path),
            "SIZE": str(self.model.size),
            "MULTIPLE": str(self.model.multiple),
            "DECODER": self.decoder,
            "KIND": self.kind,
            "BATCH": str(self.batching.rows),
            "WINDOW_MS": str(self.batching.window_ms),
            "PORT": str(port),
            "PYTHONPATH": str(ENTRIES),
        }


@dataclass(frozen=True)
class Peer:
    """A server of somebody else's."""

    name: str
    start: Callable[[Site], Start]
    request: Callable[[str, Kind, bytes], bytes]
    """The HTTP request of a model's name, a kind and the tensor or the JPEG."""
    way: str
    """How tensors and pictures come to it."""
    batching: Batching
    """For the tiny model, where batches gain (0.014 ms a row instead of 0.026) and for the faults."""


def fastapi(site: Site) -> Start:
    port = free_port()
    return Start([python(environment("fastapi")), str(ENTRIES / "fastapi_server.py")], site.environ(port), port)


def litserve(site: Site) -> Start:
    port = free_port()
    return Start([python(environment("litserve")), str(ENTRIES / "litserve_server.py")], site.environ(port), port)


def mlserver(site: Site) -> Start:
    """`parallel_workers: 2`: the pool's processes. Its batcher is before them, in the server's process. Debug, its
    access log and GZip are off; metrics stay on, as everywhere."""
    ports = [free_port() for _ in range(3)]
    settings = {
        "debug": False,
        "host": "127.0.0.1",
        "http_port": ports[0],
        "grpc_port": ports[1],
        "metrics_port": ports[2],
        "gzip_enabled": False,
        "parallel_workers": 2,
        "metrics_dir": str(site.folder / "metrics"),
        "environments_dir": str(site.folder / "environments"),
    }
    model = {
        "name": site.model.name,
        "implementation": "mlserver_model.Model",
        "max_batch_size": site.batching.rows if site.batching.rows > 1 else 0,
        "max_batch_time": site.batching.window_ms / 1000,
    }
    (site.folder / "settings.json").write_text(json.dumps(settings))
    (site.folder / "model-settings.json").write_text(json.dumps(model))
    shutil.copy(ENTRIES / "mlserver_model.py", site.folder)
    program = environment("mlserver") / "bin" / "mlserver"
    return Start([str(program), "start", str(site.folder)], site.environ(ports[0]), ports[0], ports[1])


_TRITON_MODEL = """\
name: "{name}"
backend: "python"
max_batch_size: {rows}
input {input}
output [{outputs}]
instance_group [{{ count: 2, kind: KIND_CPU }}]
{batching}
"""
_TRITON_RAW = f'{{ name: "raw", data_type: TYPE_UINT8, dims: [{TINY_SIDE}, {TINY_SIDE}, 3] }}'
_TRITON_JPEG = '{ name: "jpeg", data_type: TYPE_STRING, dims: [1] }'
_TRITON_OUTPUTS = {
    "tiny": '{ name: "scores", data_type: TYPE_FP32, dims: [-1] }',
    "coco-detector": (
        '{ name: "boxes", data_type: TYPE_FP32, dims: [-1, 4] }, { name: "scores", data_type: TYPE_FP32, dims: [-1] },'
        ' { name: "labels", data_type: TYPE_INT64, dims: [-1] },'
        ' { name: "counts", data_type: TYPE_INT64, dims: [1], reshape: { shape: [] } }'
    ),
}


def triton(site: Site) -> Start:
    """The binary of `nvidia-pytriton`, without its Python proxy: the Python backend runs `model.py` by itself."""
    home = environment("triton")
    packages = site_packages(home)
    server = packages / "pytriton" / "tritonserver"
    backend = site.folder / "backends" / "python"
    backend.mkdir(parents=True)
    for file in (server / "backends" / "python").iterdir():
        (backend / file.name).symlink_to(file)
    version = ".".join(map(str, sys.version_info[:2]))
    (backend / "triton_python_backend_stub").symlink_to(
        server / "python_backend_stubs" / version / "triton_python_backend_stub"
    )
    model = site.folder / "models" / site.model.name
    (model / "1").mkdir(parents=True)
    shutil.copy(ENTRIES / "triton_model.py", model / "1" / "model.py")
    shutil.copy(ENTRIES / "work.py", model / "1")
    window_us = round(site.batching.window_ms * 1000)
    batching = f"dynamic_batching {{ max_queue_delay_microseconds: {window_us} }}" if site.batching.rows > 1 else ""
    (model / "config.pbtxt").write_text(
        _TRITON_MODEL.format(
            name=site.model.name,
            rows=max(1, site.batching.rows),
            input=_TRITON_RAW if site.kind == "raw" else _TRITON_JPEG,
            outputs=_TRITON_OUTPUTS[site.model.name],
            batching=batching,
        )
    )
    port, grpc_port = free_port(), free_port()
    words = [
        str(server / "bin" / "tritonserver"),
        f"--model-repository={site.folder / 'models'}",
        f"--backend-directory={site.folder / 'backends'}",
        "--http-address=127.0.0.1",
        f"--http-port={port}",
        "--grpc-address=127.0.0.1",
        f"--grpc-port={grpc_port}",
        "--metrics-address=127.0.0.1",
        f"--metrics-port={free_port()}",
    ]
    # The stub's Python finds its packages by the first `python3` on PATH; PYTHONPATH it ignores.
    environ = site.environ(port) | {
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": str(packages / "nvidia_pytriton.libs"),
    }
    return Start(words, environ, port, grpc_port)


def _triton_request(model: str, kind: Kind, item: bytes) -> bytes:
    if kind == "raw":
        return wire.v2_binary(model, "raw", "UINT8", [1, TINY_SIDE, TINY_SIDE, 3], item)
    return wire.v2_bytes(model, "jpeg", item)


PEERS = (
    Peer(
        "triton",
        triton,
        _triton_request,
        "v2 REST, binary tensors; a JPEG as an item of BYTES",
        # No window: what has come while both instances run is a batch.
        Batching(8, 0),
    ),
    Peer("fastapi", fastapi, lambda _, kind, item: wire.octets(f"/{kind}", item), "plain bytes", Batching(1, 0)),
    Peer(
        "mlserver",
        mlserver,
        wire.v2_base64,
        "v2 REST, base64 in JSON: it has no binary extension there",
        Batching(8, 1),
    ),
    Peer("litserve", litserve, lambda _m, _k, item: wire.octets("/predict", item), "plain bytes", Batching(8, 1)),
)
