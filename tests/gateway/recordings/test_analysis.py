"""An analysis that can't go on says why, and one beside a foreign server has a system of its own."""

import asyncio
import json
from contextlib import nullcontext
from pathlib import Path

import pytest

from gateway.errors import GatewayError
from gateway.recordings.analysis import Analysis, analyze
from gateway.recordings.analysis_system import _members, _missing, _running_bus, _until_streams
from gateway.recordings.recording import Summary
from tests.gateway.run_reader import WALK
from tests.nats_server import NatsServer
from vedette.bus.address import STATE_VARIABLE, embedded_address_file, embedded_logins
from vedette.bus.connection import Bus, connect
from vedette.config.config import Config
from vedette.config.sampling_settings import Sampling
from vedette.errors import BusMisfit
from vedette.process.shell import Stop
from vedette.roles.login import role_file
from vedette.streams import CLIPS, DETECTIONS

PIPELINES = {"people": {"stages": [{"model": "coco-detector"}]}}


def configured(folder: Path, url: str) -> tuple[Config, Path]:
    whole = {"site": "plant", "nats": {"url": url}, "pipelines": PIPELINES}
    file = folder / "site.yaml"
    file.write_text(json.dumps(whole), encoding="utf-8")  # JSON is YAML
    return Config.model_validate(whole), file


async def test_without_any_result_it_hints_then_gives_up_and_leaves_nothing(
    nats_server: NatsServer,
    bus: Bus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name, seconds in {"_NO_WORKER_HINT_S": 0.1, "_GIVE_UP_S": 0.5, "_LOOK_EVERY_S": 0.05}.items():
        monkeypatch.setattr(f"gateway.recordings.analysis.{name}", seconds)
    monkeypatch.setattr("gateway.recordings.analysis.system", lambda *_: nullcontext(bus))
    config, file = configured(tmp_path, nats_server.url)
    asked = Analysis(config, file, WALK, "people", Sampling(fps=5), 0.0, None, workers=0)
    with pytest.raises(ExceptionGroup) as caught:
        await analyze(asked, Summary(), Stop())
    assert caught.group_contains(GatewayError, match="no result for .* pipeline people with coco-detector")
    assert "pipeline people with coco-detector" in caplog.text
    assert (await bus.jetstream.stream_info(CLIPS)).state.messages == 0
    assert await bus.jetstream.consumers_info(DETECTIONS) == []


async def test_a_new_server_has_no_workers_and_its_streams_are_waited_for(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    config, _ = configured(tmp_path, nats_server.url)
    new = await _running_bus(config)
    assert new is not None
    async with new:
        assert _missing(["coco-detector"], await _members(config, new)) == ["coco-detector"]
        waiting = asyncio.create_task(_until_streams(new))
        async with await connect(nats_server.address, "worker"):
            await asyncio.wait_for(waiting, 90)


async def test_a_foreign_server_where_the_embedded_one_was_is_none_and_a_configured_one_a_misfit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    server = NatsServer(tmp_path, "--user", "other", "--pass", "secret")
    await asyncio.to_thread(server.start)
    try:
        word = embedded_address_file("plant")
        word.parent.mkdir(parents=True)
        login = role_file(embedded_logins("plant"), "operator")
        login.parent.mkdir()
        for file in (word, login):
            file.write_text(json.dumps({"url": server.url, "user": "operator", "password": "old"}), encoding="utf-8")
        assert await _running_bus(Config.model_validate({"site": "plant", "pipelines": PIPELINES})) is None
        config, _ = configured(tmp_path, server.url)
        with pytest.raises(BusMisfit, match="refuses these credentials"):
            await _running_bus(config)
    finally:
        server.close()
