"""The images are built and run: the demonstration's first detection comes out of them. `make test-images`."""

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import nats
import psutil
import pytest

from tests.free_ports import free_ports
from tests.nats_server import NatsServer
from tests.system.chart import ROOT
from tests.system.images import Image, Images
from tests.waiting import until_async

pytestmark = [pytest.mark.system, pytest.mark.images, pytest.mark.timeout(3600)]
TARGETS = ("gateway", "inference", "events")
DEADLINE_S = 300.0
BUILD_TOOLS = ("gcc", "cc", "make", "ld", "pip", "pip3", "git", "curl")

SITE = """\
site: demo
nats: {{url: "{nats}"}}
models: {{path: /usr/share/vedette/models}}
inference: {{device: cpu}}
cameras:
  street: {{url: "rtsp://127.0.0.1:{rtsp}/pedestrians", pipeline: people}}
pipelines:
  people: {{sampling: {{fps: 3}}, stages: [{{model: coco-detector@^1, labels: [person]}}]}}
"""


@pytest.fixture(scope="module")
def images() -> Iterator[dict[str, Image]]:
    with ExitStack() as stack:
        store = Images()
        stack.callback(store.close)
        store.make_base()
        yield {target: store.build(target) for target in TARGETS}


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_as_nobody_special_and_holds_no_build_tools(images: dict[str, Image], target: str) -> None:
    image = images[target]
    assert image.config["User"] == "65532:65532"
    assert image.config["Healthcheck"]["Test"][0] == "CMD"
    folders = ("usr/bin", "usr/local/bin", "opt/vedette/bin")
    assert [tool for tool in BUILD_TOOLS for folder in folders if (image.root / folder / tool).exists()] == []
    assert list((image.root / "opt/vedette").rglob("site-packages/pip")) == []
    assert not any(name.startswith("MALLOC") for name in image.environment)


async def test_the_first_detection_comes_out_of_the_images(
    images: dict[str, Image], nats_server: NatsServer, tmp_path: Path
) -> None:
    rtsp, *ports = free_ports(5)
    site = tmp_path / "vedette.yaml"
    await asyncio.to_thread(site.write_text, SITE.format(nats=nats_server.url, rtsp=rtsp))
    containers = await asyncio.to_thread(_start, images, site, tmp_path, rtsp, ports)
    try:
        await asyncio.wait_for(_first_person(nats_server.url), DEADLINE_S)
        for target, port in zip(TARGETS, ports, strict=False):

            async def healthy(target: str = target, port: int = port) -> bool:
                log = tmp_path / f"{target}.health"
                check = images[target].is_healthy
                return await asyncio.to_thread(check, log, VEDETTE_HEALTH_PORT=str(port))

            await until_async(healthy, f"the health check of {target}")
    finally:
        statuses = await asyncio.to_thread(_stop, containers)
        for file in sorted(tmp_path.glob("*.log")):
            print(f"== {file.name}\n{file.read_text()}")
    assert statuses == {"simulator": 0, **dict.fromkeys(TARGETS, 0)}


async def _first_person(url: str) -> None:
    client = await nats.connect(url)
    try:
        subscription = await client.subscribe("vedette.detections.>")
        async for message in subscription.messages:
            if '"label":"person"' in message.data.decode().replace(": ", ":"):
                return
    finally:
        await client.close()


def _start(
    images: dict[str, Image], site: Path, logs: Path, rtsp: int, ports: list[int]
) -> dict[str, subprocess.Popen[bytes]]:
    mounts = {site.parent: "/etc/vedette"}
    site.parent.chmod(0o755)
    simulate = ["simulate", "/media/pedestrians.mp4", "--listen", f"127.0.0.1:{rtsp}"]
    started = {"simulator": images["gateway"].start(logs / "simulator.log", simulate, {ROOT / "media": "/media"})}
    for target, port in zip(TARGETS, ports, strict=False):
        command = [*images[target].config["Cmd"][:-1], f"127.0.0.1:{port}"]
        if target == "inference":
            command += ["--grpc-listen", f"127.0.0.1:{ports[-1]}"]
        started[target] = images[target].start(logs / f"{target}.log", command, mounts)
    return started


def _stop(containers: dict[str, subprocess.Popen[bytes]]) -> dict[str, int]:
    """The exit statuses after SIGTERM, as a container runtime sends it."""
    for container in containers.values():
        for child in psutil.Process(container.pid).children() if container.poll() is None else ():
            child.send_signal(signal.SIGTERM)
    statuses = {}
    for name, container in containers.items():
        try:
            statuses[name] = container.wait(60)
        except subprocess.TimeoutExpired:
            container.kill()
            statuses[name] = container.wait()
    return statuses
