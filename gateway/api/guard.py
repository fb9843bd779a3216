"""Who may use the API: who has the token; and where there is none, who is on this machine and no web page.

A gateway on loopback without a token is open to every program of the machine, a browser too. So that no page of the
web uses it through the browser, a request that says which page it comes from (`Origin`) or asks for another name than
this machine's (DNS rebinding) is refused; a body has to be JSON, which no form sends.
"""

import hmac
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from aiohttp import web

from gateway.web.problem import HttpProblem
from vedette.listen_settings import Address
from vedette.secret import SecretText


class Guard:
    """Lets requests in, or raises HttpProblem."""

    def __init__(self, token: SecretText | None, listen: Address) -> None:
        self._token = token.reveal().encode() if token is not None else None
        self._on_loopback = is_loopback(listen.host)

    def check(self, request: web.Request, changes: bool) -> None:
        """Whether this request may be served; `changes`: it has an effect.

        Raises:
            HttpProblem: 401 without the right token, 403 where none is configured and one is needed.
        """
        if self._token is not None:
            self._check_token(request.headers.get("Authorization", ""), self._token)
        elif self._on_loopback:
            _check_origin(request)
        elif changes:
            raise HttpProblem(403, "the gateway listens beyond this machine: changes need gateway.api_token")

    def _check_token(self, said: str, token: bytes) -> None:
        scheme, _, given = said.partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token):
            raise HttpProblem(401, "needs the token: Authorization: Bearer …", headers={"WWW-Authenticate": "Bearer"})


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach `host`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_origin(request: web.Request) -> None:
    if not is_loopback(_host(f"//{request.host}")):
        raise HttpProblem(403, "without gateway.api_token the API answers to this machine's own names only")
    origin = request.headers.get("Origin")
    if origin is not None and _split(origin).netloc != request.host:
        raise HttpProblem(403, "without gateway.api_token the API does not answer to web pages")


def _host(url: str) -> str:
    return _split(url).hostname or ""


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")
