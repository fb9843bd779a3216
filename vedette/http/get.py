"""A GET from a process of a site, as commands do: bounded in what is read of the answer, redirects not followed."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from vedette.errors import ConfigError, VedetteError
from vedette.http.failure import FAILURES, reason
from vedette.secrets.secret import SecretText


class GetFailed(VedetteError):
    """There was no answer, none that is HTTP, or one that is too large."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came, whatever its status."""

    status: int
    body: bytes


async def get(
    session: aiohttp.ClientSession,
    url: str,
    most_bytes: int,
    timeout: aiohttp.ClientTimeout,
    token: SecretText | None = None,
    query: Mapping[str, str] | None = None,
) -> Answer:
    """The whole answer.

    Raises GetFailed.
    """
    headers = {"Authorization": f"Bearer {token.reveal()}"} if token is not None else {}
    try:
        asked = session.get(url, params=query, headers=headers, timeout=timeout, allow_redirects=False)
        async with asked as answer:
            return Answer(answer.status, await _whole(answer, most_bytes))
    except FAILURES as error:
        hint = " (--ca names one)" if isinstance(error, aiohttp.ClientConnectorCertificateError) else ""
        raise GetFailed(f"{reason(error)}{hint}") from None


def token_of(file: Path | None) -> SecretText | None:
    """What `--token-file` holds. Reads a file: not for the event loop.

    Raises ConfigError.
    """
    if file is None:
        return None
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--token-file: {file}: {getattr(error, 'strerror', None) or 'is no text'}") from None
    if not text or not text.isprintable():
        raise ConfigError(f"--token-file: {file}: holds no token, or more than that")
    return SecretText(text)


def trusted_by(ca: Path | None) -> ssl.SSLContext:
    """Who is believed to be a process: the system's authorities, or those of `--ca`. Reads a file.

    Raises ConfigError.
    """
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        why = "holds no certificates in PEM" if isinstance(error, ssl.SSLError) else error.strerror or "can't be read"
        raise ConfigError(f"--ca: {ca}: {why}") from None


async def _whole(answer: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_chunked(1 << 16):
        size += len(part)
        if size > most_bytes:
            raise GetFailed(f"its answer is over {most_bytes >> 20} MiB")
        parts.append(part)
    return b"".join(parts)
