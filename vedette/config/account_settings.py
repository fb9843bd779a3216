"""`gateway.accounts:` of the configuration: who may use the console and the API of a gateway, and for what."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from vedette.config.settings import Settings
from vedette.ids import Id

AccountRole = Literal["viewer", "operator", "admin"]
ROLES: tuple[AccountRole, ...] = ("viewer", "operator", "admin")
"""Each may do what those before it may."""
_SCRYPT = r"^scrypt:[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}:[A-Za-z0-9_-]{16,64}:[A-Za-z0-9_-]{40,128}$"


class Account(Settings):
    """One person or program, of whose secrets only digests are known here; `vedette account` makes both."""

    name: Id
    """What is typed to sign in, and what the log says."""
    role: AccountRole = "viewer"
    """`viewer` looks; `operator` changes cameras too (zones, lines, rates, on and off) and tests sources; `admin` adds
    and removes cameras, and changes where they are and what of them nobody is to see. Default viewer."""
    password: Annotated[str, Field(pattern=_SCRYPT)] | None = None
    """Digest of the password to sign in with (scrypt, RFC 7914). Default: signing in needs the token."""
    token_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """SHA-256 of a token, hexadecimal: `Authorization: Bearer …`, or typed as the password. Default: none."""

    @model_validator(mode="after")
    def _has_a_secret(self) -> Self:
        if self.password is None and self.token_sha256 is None:
            raise ValueError("needs password or token_sha256")
        return self
