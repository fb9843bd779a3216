"""The rule of a process without roles: who is on its machine, and is no web page.

Only where it listens on loopback alone. A page of the web could reach that through the browser of who sits there, so
what comes from a page, or asks for another name than this machine's (DNS rebinding), is refused.
"""

import json
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from vedette.config.listen_settings import Address


class LoopbackOnly:
    """A `Permit`."""

    def __init__(self, listen: Address) -> None:
        self._on_loopback = listen.is_loopback

    def __call__(self, request: web.Request) -> None:
        """Raises HTTPForbidden."""
        if not self._on_loopback:
            raise _forbidden("this process listens beyond this machine: /debug needs debug.token")
        if not _is_loopback(request.host):
            raise _forbidden("without debug.token /debug answers to this machine's own names only")
        if "Origin" in request.headers or request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
            raise _forbidden("without debug.token /debug does not answer to web pages")


def _forbidden(why: str) -> web.HTTPForbidden:
    body: dict[str, Any] = {"title": "Forbidden", "status": 403, "detail": why}
    return web.HTTPForbidden(text=json.dumps(body), content_type="application/problem+json")


def _is_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
