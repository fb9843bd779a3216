"""`vedette profile` of a real process, found by its name; and what it says when there is none."""

import asyncio
import sys
from pathlib import Path

from tests.events.service.worker import CONFIG, Process
from tests.nats_server import NatsServer


async def profile(*words: str | Path, folder: Path) -> tuple[int, str, str]:
    """The exit status, and what was printed."""
    command = [sys.executable, "-m", "vedette", "profile", *map(str, words)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, cwd=folder)
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_process_is_profiled_by_its_name(tmp_path: Path, nats_server: NatsServer) -> None:
    config = tmp_path / "site.yaml"
    config.write_text(CONFIG.format(port=nats_server.port, save_s=1))
    worker = Process(config, tmp_path / "worker.log")
    try:
        await worker.until_ready()
        found, unknown = await asyncio.gather(
            profile("events", config, "--seconds", "1", "--idle", folder=tmp_path),
            profile("gateway", config, folder=tmp_path),
        )
    finally:
        await asyncio.to_thread(worker.end)
    assert found == (0, "profile-events.svg: 1 s of events (a browser shows it)\n", "recording events for 1 s\n")
    picture = (tmp_path / "profile-events.svg").read_text()
    assert "<svg" in picture
    assert "PartitionWorker" in picture or "run_forever" in picture
    assert unknown[0] == 2
    assert "there is no process gateway at plant-1; there are: events" in unknown[2]


async def test_what_can_not_be_meant_is_said_in_a_line(tmp_path: Path) -> None:
    wrong = await asyncio.gather(
        profile("gateway", folder=tmp_path),
        profile("1", "--output", "none/x.svg", folder=tmp_path),
        profile("http://127.0.0.1:1", folder=tmp_path),
    )
    assert [status for status, _, _ in wrong] == [2, 2, 1]
    assert [err.splitlines()[-1] for _, _, err in wrong] == [
        "vedette: gateway is a name, for which the site's CONFIG is needed: vedette profile gateway site.yaml",
        "vedette: --output: none/x.svg: there is no such folder",
        "vedette: http://127.0.0.1:1: no connection: Connection refused",
    ]
