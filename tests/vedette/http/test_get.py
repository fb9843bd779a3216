"""What commands ask of a process: bounded, without redirects, and with words for what goes wrong."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from vedette.config.listen_settings import Address
from vedette.errors import ConfigError
from vedette.http.get import Answer, GetFailed, get, token_of, trusted_by
from vedette.process.health import listening
from vedette.secrets.secret import SecretText

ANY_PORT = Address(host="127.0.0.1", port=0)
MIB = 2**20
_TIMEOUT = aiohttp.ClientTimeout(total=60)


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(MIB))

    async def said(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.headers.get('Authorization')} {request.query_string}")

    async def elsewhere(request: web.Request) -> web.Response:
        raise web.HTTPFound("/said")

    app = web.Application()
    app.add_routes([web.get("/endless", endless), web.get("/said", said), web.get("/elsewhere", elsewhere)])
    async with listening(app, ANY_PORT, "listen") as address:
        yield f"http://{address}"


async def test_an_answer_without_an_end_is_given_up() -> None:
    async with served() as url, aiohttp.ClientSession() as session:
        with pytest.raises(GetFailed, match="its answer is over 2 MiB"):
            await get(session, f"{url}/endless", 2 * MIB, _TIMEOUT)


async def test_a_token_is_sent_where_it_was_asked_for_and_not_further() -> None:
    token = SecretText("s3cret")
    async with served() as url, aiohttp.ClientSession() as session:
        told = await get(session, f"{url}/said", MIB, _TIMEOUT, token, {"seconds": "1"})
        assert told == Answer(200, b"Bearer s3cret seconds=1")
        assert (await get(session, f"{url}/elsewhere", MIB, _TIMEOUT, token)).status == 302


async def test_what_is_no_url_is_said_without_it() -> None:
    async with aiohttp.ClientSession() as session:
        for url in ("http://:80/", "http://me:s3cret@[::1/"):
            with pytest.raises(GetFailed) as failed:
                await get(session, url, MIB, _TIMEOUT)
            assert "s3cret" not in str(failed.value)


@pytest.mark.parametrize("content", [b"", b"two\nlines", b"\xff\xfe"])
def test_a_file_that_holds_no_token_is_named(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=f"--token-file: {file}: "):
        token_of(file)
    file.write_text(" one \n")
    assert token_of(file) == SecretText("one")
    assert token_of(None) is None


def test_a_file_that_holds_no_certificates_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    for missing in (True, False):
        with pytest.raises(ConfigError, match=f"--ca: {file}: " + ("No such file" if missing else "holds no cert")):
            trusted_by(file)
        file.write_text("no PEM")
