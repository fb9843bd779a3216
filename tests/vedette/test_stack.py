"""Which ports inference processes take, and what becomes of a child that ends."""

import asyncio
import sys
from itertools import islice
from pathlib import Path

import pytest

from tests.waiting import until
from vedette.child import Child
from vedette.config import Config
from vedette.errors import ConfigError, StartFailed
from vedette.stack import ChildMisused, keep_running, worker_addresses


def ports(inference: str, count: int, **others: str) -> list[int]:
    config = Config.model_validate({"listen": {"inference": inference, **others}})
    return [address.port for address in islice(worker_addresses(config), count)]


def test_further_inference_processes_listen_ten_ports_up_each() -> None:
    assert ports("127.0.0.1:8000", 3) == [8000, 8010, 8020]


def test_a_port_where_another_process_listens_is_left_out() -> None:
    assert ports("127.0.0.1:8070", 3) == [8070, 8090, 8100]
    assert ports("127.0.0.1:8000", 3, nats="127.0.0.1:8010", gateway="127.0.0.1:8020") == [8000, 8030, 8040]


def test_a_free_port_stays_a_free_port() -> None:
    assert ports("127.0.0.1:0", 3) == [0, 0, 0]


def test_when_no_port_is_left_the_key_to_change_is_said() -> None:
    assert ports("127.0.0.1:65530", 1) == [65530]
    with pytest.raises(ConfigError, match=r"listen\.inference: 127\.0\.0\.1:65530: .* choose a lower one"):
        ports("127.0.0.1:65530", 2)


def child(program: str, log: Path) -> Child:
    return Child("gateway", [sys.executable, "-c", program], log)


async def test_a_child_that_ends_at_its_start_with_status_2_is_a_wrong_configuration(tmp_path: Path) -> None:
    misused = child("import sys; print('vedette: no such device'); sys.exit(2)", tmp_path / "log")
    await misused.start()
    with pytest.raises(ChildMisused, match="gateway ended at its start with status 2: no such device") as caught:
        await keep_running(misused)
    assert caught.value.exit_status == 2


async def test_a_child_that_ends_at_its_start_with_status_1_is_a_failure(tmp_path: Path) -> None:
    failing = child("import sys; sys.exit(1)", tmp_path / "log")
    await failing.start()
    with pytest.raises(StartFailed, match="status 1: it said why above") as caught:
        await keep_running(failing)
    assert caught.value.exit_status == 1


async def test_a_child_that_is_killed_at_its_start_starts_again(tmp_path: Path) -> None:
    killed = child("import signal; signal.pause()", tmp_path / "log")
    await killed.start()
    first = killed.pid
    keeping = asyncio.create_task(keep_running(killed))
    killed.kill()
    await until(lambda: killed.pid not in (None, first), "it runs again")
    keeping.cancel()
    killed.kill()
    await killed.wait()
