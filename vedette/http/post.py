"""A POST to a URL of the configuration, as webhooks are told: bounded in time and in what is read of the answer.

Redirects are not followed, and no proxy of the environment is used: what is sent goes to whom the configuration names.
Errors have no text of the library's in them, which may quote the URL.
"""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import aiohttp

from vedette.config.camera_settings import Tls
from vedette.errors import VedetteError
from vedette.http.failure import FAILURES, reason
from vedette.secrets.secret import SecretUrl
from vedette.tls.trust import trust

_BODY_AT_MOST_BYTES = 64 * 1024
_RETRY_AFTER_AT_MOST_S = 3600.0


class PostFailed(VedetteError):
    """There was no answer, or none that is HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver says. Its body is of no interest."""

    status: int
    retry_after_s: float | None = None
    """As it asks for (RFC 9110, section 10.2.3), an hour at most."""


@asynccontextmanager
async def post_session(
    timeout_s: float, tls: Tls | None = None, at_a_time: int = 1
) -> AsyncIterator[aiohttp.ClientSession]:
    """Connections to one receiver, `at_a_time` at most. `timeout_s`: of a whole request, with connecting and answer.

    Raises:
        ConfigError: the certificates of `tls` can't be read.
    """
    connector = aiohttp.TCPConnector(ssl=await asyncio.to_thread(trust, tls or Tls()), limit=at_a_time)
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=timeout_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # a small body that is a huge one when unpacked stays small
    ) as session:
        yield session


async def post(session: aiohttp.ClientSession, url: SecretUrl, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send `body`. The answer counts as soon as its header is there, whatever becomes of its body.

    Raises PostFailed.
    """
    try:
        async with session.post(url.reveal(), data=body, headers=headers, allow_redirects=False) as answer:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                await _drain(answer.content)
            return Answer(answer.status, retry_after_s(answer.headers.get("Retry-After"), dt.datetime.now(dt.UTC)))
    except FAILURES as error:
        raise PostFailed(reason(error)) from None


def retry_after_s(value: str | None, now: dt.datetime) -> float | None:
    """Seconds of a `Retry-After`, which are a number or a date; None where it is neither."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return min(_RETRY_AFTER_AT_MOST_S, float(value[:9]))
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # the latter of a year, or an offset, of twenty digits
        return None
    wait_s = (moment.replace(tzinfo=moment.tzinfo or dt.UTC) - now).total_seconds()
    return min(_RETRY_AFTER_AT_MOST_S, max(0.0, wait_s))


async def _drain(body: aiohttp.StreamReader) -> None:
    """Read it, so that the connection can be used again; where there is too much of it, it is closed instead."""
    left = _BODY_AT_MOST_BYTES
    while left > 0 and (chunk := await body.read(left)):
        left -= len(chunk)
