"""Accounts of the configuration: found by token, or by name and password. Secrets are known by their digests alone."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from vedette.config.account_settings import ROLES, Account, AccountRole
from vedette.secrets.secret import SecretText

_LOG2_N, _R, _P = 15, 8, 1
"""Cost of scrypt: 32 MiB and some 0.1 s a password (RFC 7914, section 2)."""
_MOST_MEMORY_BYTES = 256 * 2**20
_MOST_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks for something."""

    name: str
    role: AccountRole

    def may(self, role: AccountRole) -> bool:
        """Whether the caller has this role, or one that may more."""
        return ROLES.index(self.role) >= ROLES.index(role)


class Accounts:
    """All accounts. Every comparison takes as long whoever asks, and whether there is such an account or not."""

    def __init__(self, accounts: Iterable[Account], api_token: SecretText | None = None) -> None:
        """`api_token`: that of an admin without an account."""
        self._accounts = {account.name: account for account in accounts}
        self._tokens = [
            (bytes.fromhex(account.token_sha256), Caller(account.name, account.role))
            for account in self._accounts.values()
            if account.token_sha256 is not None
        ]
        if api_token is not None:
            self._tokens.append((_digest(api_token.reveal()), Caller("api_token", "admin")))
        self._nobody = _written(secrets.token_bytes(16), secrets.token_bytes(32))

    def __bool__(self) -> bool:
        """Whether there is anybody; otherwise nobody has to say who they are."""
        return bool(self._accounts or self._tokens)

    def by_token(self, given: str) -> Caller | None:
        """Whose token it is."""
        digest, found = _digest(given[:_MOST_CHARACTERS]), None
        for token, caller in self._tokens:
            if hmac.compare_digest(digest, token):
                found = caller
        return found

    def by_password(self, name: str, given: str) -> Caller | None:
        """The account `name`, if this is its password or token. Takes 0.1 s: not for the event loop."""
        account = self._accounts.get(name)
        known = account.password if account is not None else None
        is_password = matches(given[:_MOST_CHARACTERS], known or self._nobody) and known is not None
        caller = self.by_token(given)
        if account is not None and (is_password or (caller is not None and caller.name == name)):
            return Caller(account.name, account.role)
        return caller if caller is not None and name in ("", caller.name) else None


def hash_password(password: str) -> str:
    """What the configuration holds of a password: `scrypt:15:8:1:<salt>:<digest>`."""
    salt = secrets.token_bytes(16)
    digest = _scrypt(password, salt, _LOG2_N, _R, _P)
    return _written(salt, digest)


def matches(password: str, hashed: str) -> bool:
    """Whether `hashed` was made of `password`; False for costs that can't be paid, and for what is no digest."""
    _, log2_n, r, p, salt, digest = hashed.split(":")
    try:
        computed = _scrypt(password, _bytes(salt), int(log2_n), int(r), int(p))
        return hmac.compare_digest(computed, _bytes(digest))
    except (ValueError, TypeError):  # the latter where a cost is beyond what OpenSSL can be told
        return False


def _scrypt(password: str, salt: bytes, log2_n: int, r: int, p: int) -> bytes:
    secret = password.encode("utf-8", "surrogatepass")  # JSON may hold halves of characters
    return hashlib.scrypt(secret, salt=salt, n=2**log2_n, r=r, p=p, maxmem=_MOST_MEMORY_BYTES, dklen=32)


def _written(salt: bytes, digest: bytes) -> str:
    return f"scrypt:{_LOG2_N}:{_R}:{_P}:{_text(salt)}:{_text(digest)}"


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.strip().encode("utf-8", "surrogatepass")).digest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
