"""The pages of docs/first-hour, followed word by word in a virtual environment that they make themselves."""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from gateway.simulator.settings import Credentials
from tests.conftest import MEDIA
from tests.gateway.run_gateway import simulated
from tests.inference.worker import jpegs
from tests.system.chart import Chart, one_of, pod_specs
from tests.system.devtools import browser
from tests.system.pages import Block, Reader, blocks
from tests.system.test_chart_config import environment_of
from tests.system.test_chart_nats import write_secret
from vedette.config.file import load_config

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "first-hour"
CAMERA = "rtsp://operator:s3cret@192.168.1.64:554/stream1"
EVERY_TERMINAL = ". ~/vedette/bin/activate\ncd ~/site\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader's, with what the first page has them install out of a copy of the repository."""
    home: Path = tmp_path_factory.mktemp("home")
    repository = tmp_path_factory.mktemp("repository")
    (repository / "files").write_bytes(
        subprocess.check_output(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT)
    )
    copy = ["cp", "--parents", "--no-dereference", "--target-directory", str(repository)]
    subprocess.run(["xargs", "-0", "-a", str(repository / "files"), *copy], cwd=ROOT, check=True)
    install, terminal = blocks(PAGES / "README.md", {})
    assert terminal.text == EVERY_TERMINAL

    async def installed() -> None:
        await Reader(repository, repository, environment(home)).follow(install)

    asyncio.run(installed())
    return home


def environment(home: Path) -> dict[str, str]:
    kept = ("PATH", "LANG", "PIP_CACHE_DIR", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"HOME": str(home)}


@asynccontextmanager
async def reading(home: Path, outputs: Path) -> AsyncIterator[Reader]:
    """A reader in a site folder of the page's own."""
    site = home / "site"
    kept = site.with_name("kept")
    shutil.copytree(site, kept, symlinks=True)
    reader = Reader(site, outputs, environment(home), EVERY_TERMINAL)
    try:
        yield reader
    finally:
        try:
            await reader.end()
        finally:
            shutil.rmtree(site)
            kept.rename(site)


async def follow(reader: Reader, page: list[Block]) -> None:
    for block in page:
        await reader.follow(block)


async def add_in_the_browser(home: Path, url: str) -> None:
    """What the page tells to do with the mouse."""
    async with browser(home / "profile") as page:
        await page.go("http://127.0.0.1:8080/")
        await page.click("a[href='#/add']")
        await page.type("input[placeholder='gate']", "gate")
        await page.type("input[placeholder^='rtsp://']", url)
        await page.click(".with-button button")
        await page.until_says("It can be read.")
        await page.click("button[type=submit]")
        await page.until("document.querySelector('.stage canvas').ariaLabel.includes('person')", "boxes are drawn")
        await page.until("document.querySelector(\"a[href='#/cameras/gate/shapes']\")", "zones can be drawn")


@asynccontextmanager
async def camera() -> AsyncIterator[str]:
    """An IP camera, with a password."""
    simulator = simulated("stream1", video=MEDIA / "pedestrians.mp4", credentials=Credentials("operator", "s3cret"))
    await simulator.start()
    try:
        yield simulator.url("stream1")
    finally:
        await simulator.close()


async def test_an_ip_camera_and_a_browser(home: Path, tmp_path: Path) -> None:
    async with camera() as url, reading(home, tmp_path) as reader:
        page = blocks(PAGES / "ip-camera.md", {CAMERA: url})
        added = next(index for index, block in enumerate(page) if "cameras add" in block.text)
        await follow(reader, page[:added])
        await add_in_the_browser(home, url)
        await follow(reader, page[added:])


async def test_a_model_of_their_own(home: Path, tmp_path: Path) -> None:
    async with reading(home, tmp_path) as reader:
        (home / "site" / "street.jpg").write_bytes(jpegs()[0])
        await follow(reader, blocks(PAGES / "own-model.md", {}))


async def test_a_subscriber_in_another_language(home: Path, tmp_path: Path) -> None:
    async with reading(home, tmp_path) as reader:
        await follow(reader, blocks(PAGES / "subscriber.md", {}))


def test_a_cluster(tmp_path: Path) -> None:
    page = blocks(PAGES / "cluster.md", {})
    (values,) = [block for block in page if block.word == "site.yaml"]
    chart = Chart()
    try:
        manifests = chart.render(YAML(typ="safe").load(values.text))
        assert [problem for one in manifests for problem in chart.problems(one)] == []
    finally:
        chart.close()
    for kind, name in re.findall(r"(deployment|service|statefulset|secret)[/ ](site-[a-z-]+)", str(page)):
        assert [one for one in manifests if (one["kind"].lower(), one["metadata"]["name"]) == (kind, name)], name
    built = {f"registry.example/vedette/vedette-{name}:0.0.1" for name in ("gateway", "inference", "events")}
    images = {one["image"] for pod in pod_specs(manifests) for one in pod["containers"]}
    assert {image for image in images if "vedette" in image} == built
    text = one_of(manifests, "ConfigMap", "site-vedette")["data"]["vedette.yaml"]
    certificates = write_secret(one_of(manifests, "Secret", "site-nats-client-tls"), tmp_path / "tls")
    text = text.replace("/run/secrets/nats-tls", str(certificates))
    (tmp_path / "vedette.yaml").write_text(text.replace("/usr/share/vedette/models", str(ROOT / "models")))
    gateway = one_of(manifests, "Deployment", "site-vedette-gateway")
    config = load_config(tmp_path / "vedette.yaml", environment_of(gateway, {"GATE_PASSWORD": "s3cret"}))
    assert config.cameras.keys() == {"gate"}
    assert config.pipelines.keys() == {"people"}
