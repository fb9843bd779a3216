"""A profile that a process makes of itself, asked for over HTTP."""

import asyncio
import json
import os
import ssl
from pathlib import Path

import aiohttp

from vedette.debug.recording import NoProfile, Wanted
from vedette.errors import ConfigError
from vedette.secret import SecretText

_MORE_S = 90.0
"""Beside what is recorded: py-spy begins, writes, and the answer comes."""
_MOST_BYTES = 128 * 2**20
_MOST_CHARACTERS = 400


async def ask(url: str, wanted: Wanted, token: SecretText | None, ca: Path | None) -> bytes:
    """The profile.

    Raises:
        NoProfile: there is none, and why.
        ConfigError: `ca` can't be used.
    """
    headers = {"Authorization": f"Bearer {token.reveal()}"} if token is not None else {}
    timeout = aiohttp.ClientTimeout(total=wanted.seconds + _MORE_S, sock_connect=10)
    connector = aiohttp.TCPConnector(ssl=await asyncio.to_thread(_trusted, ca))
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        try:
            asked = session.get(f"{url}/debug/profile", params=_query(wanted), headers=headers, allow_redirects=False)
            async with asked as answer:
                body = await _whole(answer)
                if answer.status == 200:
                    return body
                raise NoProfile(f"{url}: {_why(answer.status, body)}")
        except aiohttp.ClientConnectorCertificateError:
            raise NoProfile(f"{url}: its certificate is not trusted, or not the host's (--ca names one)") from None
        except aiohttp.ClientConnectorError as error:
            number = error.os_error.errno or 0
            raise NoProfile(f"{url}: no connection: {os.strerror(number) if number > 0 else 'no such host'}") from None
        except TimeoutError:
            raise NoProfile(f"{url}: no answer in time") from None
        except (aiohttp.ClientError, ValueError) as error:
            raise NoProfile(f"{url}: {type(error).__name__}") from None


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_chunked(1 << 16):
        size += len(part)
        if size > _MOST_BYTES:
            raise NoProfile(f"the answer is over {_MOST_BYTES >> 20} MiB")
        parts.append(part)
    return b"".join(parts)


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


def _trusted(ca: Path | None) -> ssl.SSLContext | bool:
    if ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror if isinstance(error, FileNotFoundError) else "holds no certificates in PEM"
        raise ConfigError(f"--ca: {ca}: {reason}") from None
