"""`vedette site`, `vedette hub`, `vedette check` of a site, and the configurations that are shipped."""

import asyncio
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.vedette.site.places_of_work import (
    SMALL,
    all_there,
    hub_config,
    producing,
    running_hub,
    running_site,
)
from tests.waiting import until_async
from vedette.__main__ import main
from vedette.bus.embedded_nats import server_binary
from vedette.config.file import load_config
from vedette.errors import ConfigError
from vedette.process.child import die_with_parent
from vedette.site.hub_streams import read_stream
from vedette.site.places import Held, Place, begin, complete, lost_behind, lost_between, parse_source
from vedette.streams import EVENTS

CONFIGS = Path(__file__).parents[3] / "configs"
HUB_URL = "tls://hub.example:7422"


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


@pytest.mark.parametrize("options", [[], ["--frames"], ["--share-pictures"]])
def test_the_files_of_a_new_site_are_good_and_its_owners_alone(tmp_path: Path, options: list[str]) -> None:
    out = tmp_path / "out"
    assert main(["site", "init", "plant-1", "--hub", HUB_URL, "--out", str(out), *options]) == 0
    config = load_config(out / "site" / "site.yaml")
    assert config.site == "plant-1"
    assert (config.uplink is None) is ("--frames" in options)
    assert {mode(file) for file in out.rglob("*") if file.is_file()} == {0o600}
    assert "plant-1.conf" in {file.name for file in (out / "hub").iterdir()}
    server = out / "site" / "nats.conf"
    if server.exists():
        subprocess.run([server_binary(), "-t", "-c", server], check=True, capture_output=True)


def test_credentials_of_a_site_are_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["site", "init", "plant-1", "--hub", HUB_URL, "--out", str(tmp_path)]
    assert main(arguments) == 0
    password = (tmp_path / "site" / "uplink.password").read_text()
    assert main(arguments) == 2
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "site" / "uplink.password").read_text() == password


def test_a_site_that_sends_frames_is_checked_without_the_hub_s_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["site", "init", "plant-1", "--hub", HUB_URL, "--frames", "--out", str(tmp_path)]) == 0
    path = str(tmp_path / "site" / "site.yaml")
    assert main(["check", path]) == 0
    assert "models     at the hub" in capsys.readouterr().out
    assert main(["models", "list", path]) == 2
    assert "models.at_hub: frames of this site are inferred at the hub" in capsys.readouterr().err


@pytest.mark.parametrize(("site", "url"), [("Plant 1", HUB_URL), ("plant-1", "hub"), ("plant-1", "http://hub:1")])
def test_a_wrong_name_or_url_is_said(tmp_path: Path, site: str, url: str) -> None:
    assert main(["site", "init", site, "--hub", url, "--out", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []


def test_check_says_for_how_long_the_link_may_be_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["site", "init", "plant-1", "--hub", HUB_URL, "--out", str(tmp_path)]) == 0
    path = tmp_path / "site" / "site.yaml"
    path.write_text(f"{path.read_text()}\nmodels: {{path: {CONFIGS.parent / 'models'}}}\n")
    assert main(["check", str(path)]) == 0
    assert "the link to the hub may be down for 24 h and nothing is lost" in capsys.readouterr().out
    (tmp_path / "site" / "uplink.password").unlink()
    with pytest.raises(SystemExit):
        main(["check", str(path)])
    assert "uplink.password: no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("uplink: {url: 'tls://h:1', password_file: p}\nhub: {sites: [a]}", "exclude each other"),
        ("uplink: {url: 'tls://h:1', password_file: p}\nnats: {url: 'nats://h:1'}", "embedded nats-server"),
        ("uplink: {url: 'tls://a:b@h:1', password_file: p}", "is only scheme, host and port"),
        ("hub: {sites: [a], frames_from: [a]}", "names a twice"),
        ("site: a\nhub: {sites: [a]}", "the hub itself"),
        ("hub: {}\nlisten: {leaf: '0.0.0.0:7422'}", "needs hub.tls"),
    ],
)
def test_what_contradicts_itself_is_said(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=problem):
        load_config(path)


@pytest.mark.parametrize("path", sorted([*CONFIGS.glob("edge/*.yaml"), *CONFIGS.glob("cloud/*.yaml")]))
def test_the_configurations_of_edge_and_cloud_load(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GATE_PASSWORD", "COUNTER_PASSWORD"):
        monkeypatch.setenv(name, "x")
    assert load_config(path).pipelines


async def test_sites_come_and_go_in_the_file_of_a_running_hub(tmp_path: Path) -> None:
    config = hub_config(sites=[])
    path = tmp_path / "cloud.yaml"
    async with running_hub(config) as hub, running_site(tmp_path, "plant-1", hub) as edge:

        def write(*sites: str) -> None:
            config = {"site": "cloud", "hub": {"sites": sites}, "listen": {"hub": "127.0.0.1:0"}, "retention": SMALL}
            path.write_text(json.dumps(config))

        def start() -> subprocess.Popen[bytes]:
            write()
            command = [sys.executable, "-m", "vedette", "hub", str(path)]
            return subprocess.Popen(command, preexec_fn=die_with_parent)

        process = await asyncio.to_thread(start)
        try:
            async with await hub.connect("operator") as bus, producing(edge) as producer:

                async def sourced(*sites: str) -> bool:
                    return set((await read_stream(bus, EVENTS)).sources) == set(sites)

                await producer.publish(10)
                await asyncio.to_thread(write, "plant-1", "plant-2")
                await until_async(lambda: sourced("plant-1", "plant-2"), "both are sourced")
                await all_there(bus, producer)
                await asyncio.to_thread(path.write_text, "hub: {sites: plant-1")  # no good: changes nothing
                await asyncio.to_thread(write, "plant-2")
                await until_async(lambda: sourced("plant-2"), "one is left")
            assert process.poll() is None
        finally:
            process.terminate()
            assert await asyncio.to_thread(process.wait) == 0


def test_only_what_cannot_be_proven_is_counted() -> None:
    held = Held(first=41, last=90, created="")
    assert begin(None, held) == Place(40, 0)
    assert begin(Place(7, 3), held) == Place(7, 3)
    assert complete(Place(40, 9), held)
    assert not complete(Place(39, 9), held)
    assert lost_between(Place(10, 5), Place(60, 99), stored=20) == 30
    assert lost_behind(Place(60, 99), held) == 0
    assert lost_behind(Place(60, 99), Held(first=91, last=90, created="")) == 30


@pytest.mark.parametrize(
    ("header", "number"),
    [("EVENTS:Ab3 17 > > vedette.events.a.b.c.d x", 17), ("", None), ("EVENTS x > >", None), ("EVENTS 17", None)],
)
def test_the_number_at_its_site_is_read_from_the_header(header: str, number: int | None) -> None:
    assert parse_source(header) == number
