"""What is done about a camera that fails again and again: its actions, once an outage each.

A camera's outage begins with its first failure and ends when it was live for ten seconds. Trying to open the source
goes on meanwhile; that is its supervisor's, and no action disturbs it.
"""

import asyncio
import datetime as dt
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

import aiohttp

from gateway import metrics
from gateway.errors import GatewayError
from gateway.fleet.camera_status import LIVE, OFFLINE
from gateway.onvif import OnvifDevice, OnvifError
from vedette.config.camera_settings import Recovery as RecoveryConfig
from vedette.http.post import PostFailed, post, post_session
from vedette.messages import rfc3339
from vedette.secrets.secret import SecretUrl

logger = logging.getLogger(__name__)

_HEALTHY_S = 10.0
_TIMEOUT_S = 10.0
_JSON = {"Content-Type": "application/json"}


class RecoveryFailed(GatewayError):
    """An action could not be taken; it is tried again at the camera's next failure."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A camera that has failed so many times in a row."""

    site: str
    camera: str
    failures: int
    reason: str
    """Of the latest failure, in a few words."""
    since: dt.datetime
    """When it failed first."""


class RecoveryAction(Protocol):
    """Something that may bring a camera back, or somebody who can."""

    @property
    def name(self) -> str:
        """`webhook`"""

    async def act(self, outage: Outage) -> None:
        """Do it, within seconds. Raises RecoveryFailed."""


class Webhook:
    """Tells a URL, by a POST of JSON; an answer of 2xx means that it was heard."""

    name = "webhook"

    def __init__(self, url: SecretUrl) -> None:
        self._url = url

    async def act(self, outage: Outage) -> None:
        said = {
            "type": "dev.vedette.camera.outage.v1",
            "site": outage.site,
            "camera": outage.camera,
            "failures": outage.failures,
            "reason": outage.reason,
            "since": rfc3339(outage.since),
        }
        try:
            async with post_session(_TIMEOUT_S) as session:
                answer = await post(session, self._url, json.dumps(said).encode(), _JSON)
        except PostFailed as error:
            raise RecoveryFailed(f"{self._url}: {error}") from None
        if not 200 <= answer.status < 300:
            raise RecoveryFailed(f"{self._url} answered {answer.status}")


class Reboot:
    """Restarts the camera itself, by ONVIF."""

    name = "reboot"

    def __init__(self, url: SecretUrl) -> None:
        parts = urlsplit(url.reveal())
        self._address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        self._user = None if parts.username is None else unquote(parts.username)
        self._password = unquote(parts.password or "")

    async def act(self, outage: Outage) -> None:
        try:
            async with aiohttp.ClientSession() as session:
                said = await OnvifDevice(session, self._address, self._user, self._password).reboot()
        except OnvifError as error:
            raise RecoveryFailed(str(error)) from None
        logger.info("told to restart by ONVIF: %s", said[:200])


class Failures:
    """Counts a camera's failures in a row. Pure: the clock is the caller's."""

    def __init__(self) -> None:
        self.count = 0
        self._live_from_s: float | None = None

    def on_state(self, state: str, now_s: float) -> bool:
        """The camera's state is `state` now; returns whether that is another failure."""
        if state == LIVE:
            self._live_from_s = now_s if self._live_from_s is None else self._live_from_s
            return False
        if self._live_from_s is not None and now_s - self._live_from_s >= _HEALTHY_S:
            self.count = 0
        self._live_from_s = None
        self.count += state == OFFLINE
        return state == OFFLINE


class Recovery:
    """One camera's. Told of its states by `on_state`, acts while `run` runs."""

    def __init__(self, site: str, camera: str, after: int, actions: Sequence[RecoveryAction]) -> None:
        self._site = site
        self._camera = camera
        self._after = after
        self._actions = actions
        self._failures = Failures()
        self._since = dt.datetime.now(dt.UTC)
        self._pending: list[RecoveryAction] = []
        self._outage: Outage | None = None
        self._due = asyncio.Event()

    def on_state(self, state: str, reason: str | None) -> None:
        """The camera's state has changed."""
        if state == LIVE:
            self._outage = None  # back before an action's next turn: a camera with pictures is not restarted
        if not self._failures.on_state(state, monotonic()):
            return
        if self._failures.count == 1:
            self._since, self._pending = dt.datetime.now(dt.UTC), list(self._actions)
        if self._failures.count >= self._after and self._pending:
            count, why = self._failures.count, reason or "unknown"
            self._outage = Outage(self._site, self._camera, count, why, self._since)
            self._due.set()

    async def run(self) -> None:
        """Act when it is due, until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            if self._outage is not None:
                await asyncio.gather(*(self._act(action, self._outage) for action in list(self._pending)))

    async def _act(self, action: RecoveryAction, outage: Outage) -> None:
        try:
            await action.act(outage)
        except RecoveryFailed as error:
            logger.warning("after %s failures: %s failed: %s", outage.failures, action.name, error)
            metrics.RECOVERIES.labels(self._camera, action.name, "failed").inc()
            return
        except Exception:  # the camera goes on without it
            logger.exception("%s: internal error", action.name)
            metrics.RECOVERIES.labels(self._camera, action.name, "failed").inc()
            return
        logger.info("after %s failures: %s", outage.failures, action.name)
        metrics.RECOVERIES.labels(self._camera, action.name, "done").inc()
        if action in self._pending:  # the outage may have ended meanwhile
            self._pending.remove(action)


def recovery_of(site: str, camera: str, config: RecoveryConfig | None) -> Recovery | None:
    """What is configured for a camera; None where nothing is."""
    actions: list[RecoveryAction] = []
    if config is not None and config.webhook is not None:
        actions.append(Webhook(config.webhook))
    if config is not None and config.reboot is not None:
        actions.append(Reboot(config.reboot))
    return Recovery(site, camera, config.after, actions) if config is not None and actions else None
