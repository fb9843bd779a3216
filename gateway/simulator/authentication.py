"""Basic and Digest authentication (RFC 2617), as cameras have it: MD5, without qop."""

import base64
import hashlib
import hmac
import re
import secrets

from gateway.simulator.request import Refusal, Request
from gateway.simulator.settings import Credentials

_REALM = "Vedette simulator"
_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]*))')


class Guard:
    """Lets the requests of one connection pass if they carry the credentials; without any asked for, all."""

    def __init__(self, credentials: Credentials | None) -> None:
        self._credentials = credentials
        self._nonce = secrets.token_hex(16)

    def check(self, request: Request) -> None:
        """Raises ``Refusal`` 401 with a challenge (RFC 2617, 3.2.1; RFC 2326, 12.42)."""
        if self._credentials is None:
            return
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != self._credentials.scheme or not self._proven(self._credentials, value, request):
            raise Refusal(401, {"WWW-Authenticate": self._challenge(self._credentials)})

    def _challenge(self, credentials: Credentials) -> str:
        if credentials.scheme == "basic":
            return f'Basic realm="{_REALM}"'
        return f'Digest realm="{_REALM}", nonce="{self._nonce}", algorithm=MD5'

    def _proven(self, credentials: Credentials, value: str, request: Request) -> bool:
        if credentials.scheme == "basic":
            expected = base64.b64encode(f"{credentials.user}:{credentials.password}".encode())
            return hmac.compare_digest(expected, value.strip().encode())
        given = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(value)}
        if (given.get("username"), given.get("nonce"), given.get("uri")) != (
            credentials.user,
            self._nonce,
            request.url,
        ):
            return False
        expected_response = digest_response(credentials, _REALM, self._nonce, request.method, request.url)
        return hmac.compare_digest(expected_response.encode(), given.get("response", "").lower().encode())


def digest_response(credentials: Credentials, realm: str, nonce: str, method: str, url: str) -> str:
    """The request-digest of RFC 2617, 3.2.2.1 without qop."""
    secret = _md5(f"{credentials.user}:{realm}:{credentials.password}")
    return _md5(f"{secret}:{nonce}:{_md5(f'{method}:{url}')}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
