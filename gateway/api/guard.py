"""Who may use the API: who has a token or has signed in; where nobody has to, who is on this machine and no web page.

What a browser does by its session's cookie alone, a page of another origin could make it do; so changes need the
session's CSRF token in a header too, which such a page can't know.

A gateway on loopback without a token is open to every program of the machine, a browser too. So that no page of the
web uses it through the browser, a request is refused that comes from another page (`Origin`; `Sec-Fetch-Site`, as
pictures in a page have no `Origin`), or asks for another name than this machine's (DNS rebinding); a body has to be
JSON, which no form sends. A link to it may be followed.
"""

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from aiohttp import web

from gateway.access.accounts import Accounts, Caller
from gateway.access.sessions import COOKIE, CSRF_HEADER, Sessions
from gateway.web.audit import CALLER
from gateway.web.problem import HttpProblem
from vedette.config.account_settings import Account, AccountRole
from vedette.config.listen_settings import Address
from vedette.secrets.secret import SecretText


class Guard:
    """Lets requests in, or raises HttpProblem."""

    def __init__(self, token: SecretText | None, listen: Address, accounts: Sequence[Account] = ()) -> None:
        self.accounts = Accounts(accounts, token)
        self.sessions = Sessions()
        self.on_loopback = is_loopback(listen.host)
        """Only programs of this machine reach the gateway."""

    @property
    def is_open(self) -> bool:
        """Everybody who reaches it may do everything: nobody has to sign in, and it listens on loopback."""
        return self.on_loopback and not self.accounts

    @property
    def shut(self) -> bool:
        """Nobody can sign in, and it listens beyond this machine."""
        return not self.on_loopback and not self.accounts

    def check(
        self, request: web.Request, changes: bool, role: AccountRole | None = None, private: bool = False
    ) -> Caller:
        """Who asks, if this request may be served.

        Args:
            request: the request.
            changes: it has an effect.
            role: the least that is needed; default: `operator` for what changes something, `viewer` for the rest.
            private: it shows pictures, or what is in them.

        Raises:
            HttpProblem: 401 where nobody is known to ask, 403 where this one may not.
        """
        caller = request[CALLER] = self._caller(request, changes, private)
        needed: AccountRole = role or ("operator" if changes else "viewer")
        if not caller.may(needed):
            raise HttpProblem(403, f"this needs the role {needed}; {caller.name} is {caller.role}")
        return caller

    def _caller(self, request: web.Request, changes: bool, private: bool) -> Caller:
        if self.accounts:
            authorization = request.headers.get("Authorization")
            return self._bearer(authorization) if authorization else self._visitor(request, changes)
        if self.on_loopback:
            _check_origin(request)
            return Caller("", "admin")
        if changes or private:
            what = "changes" if changes else "pictures and events"
            why = "the gateway listens beyond this machine"
            raise HttpProblem(403, f"{why}: {what} need gateway.api_token or gateway.accounts")
        return Caller("", "viewer")

    def _bearer(self, authorization: str) -> Caller:
        scheme, _, given = authorization.partition(" ")
        caller = self.accounts.by_token(given)
        if scheme.lower() != "bearer" or caller is None:
            raise _unknown()
        return caller

    def _visitor(self, request: web.Request, changes: bool) -> Caller:
        """Who has signed in with this browser."""
        session = self.sessions.find(request.cookies.get(COOKIE))
        if session is None:
            raise _unknown()
        if changes and not session.has(request.headers.get(CSRF_HEADER, "")):
            raise HttpProblem(403, f"a change needs the session's token: {CSRF_HEADER}")
        return session.caller


def _unknown() -> HttpProblem:
    return HttpProblem(401, "needs the token: Authorization: Bearer …", headers={"WWW-Authenticate": "Bearer"})


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
    foreign = origin is not None and _split(origin).netloc != request.host
    if foreign or _is_part_of_another_page(request):
        raise HttpProblem(403, "without gateway.api_token the API does not answer to web pages")


def _is_part_of_another_page(request: web.Request) -> bool:
    """As browsers say (W3C Fetch Metadata); other programs say nothing."""
    site, mode = (request.headers.get(name) for name in ("Sec-Fetch-Site", "Sec-Fetch-Mode"))
    return site in ("cross-site", "same-site") and mode != "navigate"


def _host(url: str) -> str:
    return _split(url).hostname or ""


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")
