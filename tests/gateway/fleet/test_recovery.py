"""What is done about a camera that fails again and again: after so many failures, once an outage."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from gateway.fleet.camera_status import CONNECTING, LIVE, OFFLINE, STALLED
from gateway.fleet.recovery import Failures, Outage, Recovery, RecoveryFailed, Webhook, recovery_of
from tests.gateway.run_gateway import Witness, configured, counted, gateway
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.config.camera_settings import Recovery as RecoveryConfig
from vedette.config.listen_settings import Address
from vedette.process.health import listening
from vedette.secrets.secret import SecretUrl

FREE = Address(host="127.0.0.1", port=0)


class Hook:
    """An HTTP server that is told, and answers with `status`."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.status = 204
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.told.append(await request.json())
        return web.Response(status=self.status, headers={"Location": "/elsewhere"} if self.status == 302 else None)


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    hook = Hook()
    application = web.Application()
    application.router.add_post("/t0ken", hook.answer)
    async with listening(application, FREE, "test") as address:
        hook.url = f"http://{address}/t0ken"
        yield hook


def failing(recovery: Recovery, times: int) -> None:
    for _ in range(times):
        recovery.on_state(CONNECTING, None)
        recovery.on_state(OFFLINE, "nothing listens there")


def done(camera: str) -> float:
    return counted("vedette_camera_recoveries_total", camera=camera, action="webhook", result="done")


def test_failures_in_a_row_are_counted_until_the_camera_was_live_for_a_while() -> None:
    failures = Failures()
    states = [(OFFLINE, 0), (CONNECTING, 1), (OFFLINE, 2), (LIVE, 3), (STALLED, 6), (OFFLINE, 8)]
    assert [failures.on_state(state, now_s) for state, now_s in states] == [True, False, True, False, False, True]
    assert failures.count == 3
    for state, now_s in [(LIVE, 20), (OFFLINE, 31)]:
        failures.on_state(state, now_s)
    assert failures.count == 1


async def test_a_webhook_is_told_once_an_outage(hook: Hook) -> None:
    recovery = Recovery("plant", "gate", 3, [Webhook(SecretUrl(hook.url))])
    async with background(recovery.run()):
        failing(recovery, 2)
        assert not recovery._due.is_set()
        failing(recovery, 1)
        await until(lambda: hook.told, "it is told")
        await until(lambda: done("gate"), "that is counted")
        failing(recovery, 5)
        assert not recovery._due.is_set()
    (told,) = hook.told
    assert (told["camera"], told["failures"], told["reason"]) == ("gate", 3, "nothing listens there")


@pytest.mark.parametrize("status", [500, 302, 404])
async def test_a_webhook_that_was_not_heard_is_told_again_at_the_next_failure(hook: Hook, status: int) -> None:
    recovery = Recovery("plant", f"gate-{status}", 1, [Webhook(SecretUrl(hook.url))])
    hook.status = status
    async with background(recovery.run()):
        failing(recovery, 1)
        await until(lambda: len(hook.told) == 1, "told once")
        hook.status = 200
        failing(recovery, 1)
        await until(lambda: len(hook.told) == 2, "told again")


class Waiting:
    """An action that takes until `release`, and fails."""

    name = "waiting"

    def __init__(self) -> None:
        self.acted_after: list[int] = []
        self.release = asyncio.Event()

    async def act(self, outage: Outage) -> None:
        self.acted_after.append(outage.failures)
        await self.release.wait()
        raise RecoveryFailed("no answer")


async def test_nothing_is_done_to_a_camera_that_came_back_while_an_action_failed() -> None:
    action = Waiting()
    recovery = Recovery("plant", "back", 1, [action])
    async with background(recovery.run()):
        failing(recovery, 1)
        await until(lambda: action.acted_after, "an action is under way")
        failing(recovery, 1)
        recovery.on_state(LIVE, None)
        action.release.set()
        result = {"camera": "back", "action": "waiting", "result": "failed"}
        await until(lambda: counted("vedette_camera_recoveries_total", **result), "it has failed")
        failing(recovery, 1)
        await until(lambda: action.acted_after[-1] == 3, "the next failure has its turn")
    assert action.acted_after == [1, 3]


async def test_a_webhook_that_fails_is_named_without_its_secrets() -> None:
    outage = Outage("plant", "gate", 5, "", dt.datetime.now(dt.UTC))
    with pytest.raises(RecoveryFailed) as caught:
        await Webhook(SecretUrl("http://user:s3cret@127.0.0.1:1/?token=t0ken")).act(outage)
    assert str(caught.value) == "http://***@127.0.0.1:1/?token=***: no connection: Connection refused"


def test_without_an_action_there_is_no_recovery() -> None:
    assert recovery_of("plant", "gate", None) is None
    assert recovery_of("plant", "gate", RecoveryConfig()) is None


async def test_a_camera_of_a_gateway_that_stays_away_is_told_of(nats_server: NatsServer, bus: Bus, hook: Hook) -> None:
    witness = await Witness.on(bus)
    recovery = {"after": 1, "webhook": hook.url}
    away = {"url": "rtsp://operator:s3cret@127.0.0.1:1/gate", "pipeline": "people", "recovery": recovery}
    async with gateway(configured(nats_server, {"away": away})):
        await until(lambda: hook.told, "the webhook is told")
        await until(lambda: witness.is_("away", "offline"), "its status says so")
    assert "nothing listens there" in hook.told[0]["reason"]
    assert "s3cret" not in json.dumps(hook.told)
