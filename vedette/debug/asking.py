"""A profile that a process makes of itself, asked for over HTTP."""

import asyncio
import json
from pathlib import Path

import aiohttp

from vedette.debug.recording import NoProfile, Wanted
from vedette.http.get import GetFailed, get, trusted_by
from vedette.secrets.secret import SecretText

_MORE_S = 90.0
"""Beside what is recorded: py-spy begins, writes, and the answer comes."""
_CONNECT_S = 10.0
_MOST_BYTES = 128 * 2**20
_MOST_CHARACTERS = 400


async def ask(url: str, wanted: Wanted, token: SecretText | None, ca: Path | None) -> bytes:
    """The profile.

    Raises:
        NoProfile: there is none, and why.
        ConfigError: `ca` can't be used.
    """
    timeout = aiohttp.ClientTimeout(total=wanted.seconds + _MORE_S, sock_connect=_CONNECT_S)
    connector = aiohttp.TCPConnector(ssl=await asyncio.to_thread(trusted_by, ca))
    async with aiohttp.ClientSession(connector=connector) as session:
        try:
            answer = await get(session, f"{url}/debug/profile", _MOST_BYTES, timeout, token, _query(wanted))
        except GetFailed as error:
            raise NoProfile(f"{url}: {error}") from None
    if answer.status != 200:
        raise NoProfile(f"{url}: {_why(answer.status, answer.body)}")
    return answer.body


def _query(wanted: Wanted) -> dict[str, str]:
    return {
        "seconds": str(wanted.seconds),
        "rate": str(wanted.rate_hz),
        "format": wanted.format,
        "children": str(int(wanted.children)),
        "idle": str(int(wanted.idle)),
        "native": str(int(wanted.native)),
    }


def _why(status: int, body: bytes) -> str:
    if status == 404:
        return "there is no /debug at this address"
    try:
        detail = str(json.loads(body)["detail"])[:_MOST_CHARACTERS]
    except (ValueError, KeyError, TypeError):
        detail = f"answered {status}"
    hint = " (--token-file, or debug.token in the configuration)" if status in (401, 403) else ""
    return f"{detail}{hint}"
