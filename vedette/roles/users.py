"""Users of a nats-server, one a role, as its configuration has them."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vedette.bus.mqtt_listener import quoted
from vedette.roles.permissions import ROLES, Permissions, Place, Role, permissions_of


@dataclass(frozen=True, slots=True, repr=False)
class User:
    """One that may sign in."""

    role: Role
    name: str
    password: str

    @property
    def word(self) -> dict[str, str]:
        """What a process of the role has to know."""
        return {"user": self.name, "password": self.password}


def new_password() -> str:
    """Letters, digits, - and _; never like a number or the name of a variable to the server."""
    return f"p{secrets.token_urlsafe(30)}"


def new_user(role: Role) -> User:
    """With a name that none had before: the one of before may go on for a while."""
    return User(role, f"{role}-{secrets.token_hex(3)}", new_password())


def user_lines(users: Iterable[User], place: Place) -> list[str]:
    """The entries of `authorization: {users: […]}`, with passwords as they are."""
    return [
        line for user in users for line in _entry(user.name, quoted(user.password), permissions_of(user.role, place))
    ]


def template_lines(variables: Mapping[Role, str], place: Place) -> list[str]:
    """The same of one user a role, whose password the server takes from an environment variable."""
    return [line for role in ROLES for line in _entry(role, f"${variables[role]}", permissions_of(role, place))]


def _entry(name: str, password: str, permissions: Permissions) -> list[str]:
    publish = [*_list("allow", permissions.publish), *_list("deny", permissions.deny_publish)]
    return [
        f"  {{user: {quoted(name)}, password: {password}, allowed_connection_types: [STANDARD],",
        "   permissions: {",
        *("    " + line for line in ("publish: {", *publish, "}", "subscribe: {")),
        *("    " + line for line in (*_list("allow", permissions.subscribe), "}")),
        *(['    allow_responses: {max: 1, expires: "10s"}'] if permissions.answers else []),
        "   }},",
    ]


def _list(word: str, subjects: Sequence[str]) -> list[str]:
    return [f"  {word}: [", *(f"    {quoted(subject)}" for subject in subjects), "  ]"] if subjects else []
