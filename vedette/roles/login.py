"""What a role signs in to the bus with: a file of a folder, which may be another one tomorrow."""

import json
from dataclasses import dataclass
from pathlib import Path

from vedette.errors import BusUnavailable
from vedette.roles.permissions import Role
from vedette.secrets.secret import SecretText


@dataclass(frozen=True, slots=True)
class Login:
    """User and password, or the text of a `.creds` file, or neither."""

    user: str | None = None
    password: SecretText | None = None
    credentials: SecretText | None = None


def role_file(folder: Path, role: Role) -> Path:
    """`{"user": …, "password": …}`, as `vedette up` and `vedette roles` write it."""
    return folder / f"{role}.json"


def read_login(folder: Path, role: Role) -> Login:
    """That of `role`: `<role>.creds` if there is such a file, else `<role>.json`.

    Raises:
        BusUnavailable: there is neither, it can't be read, or is damaged; names the file.
    """
    credentials, file = folder / f"{role}.creds", role_file(folder, role)
    try:
        if credentials.exists():
            file = credentials
            return Login(credentials=SecretText(credentials.read_text(encoding="utf-8")))
        known = json.loads(file.read_text(encoding="utf-8"))
        return Login(str(known["user"]), SecretText(known["password"]))
    except OSError as error:
        raise BusUnavailable(f"{file}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise BusUnavailable(f"{file}: is damaged") from None
