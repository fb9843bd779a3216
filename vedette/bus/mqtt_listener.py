"""MQTT of the embedded nats-server, as its configuration has it.

Who signs in there may read events and the cameras' status, and nothing else: no frame, picture, crop or snapshot; and
may publish nothing.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from vedette.config.listen_settings import Address

_USER = "mqtt"
_READABLE = ("vedette.events", "vedette.events.>", "vedette.status", "vedette.status.>")
"""`vedette/events/#` is the first two of these."""


def quoted(value: object) -> str:
    """As text of the server's configuration: without quotes `4711` is a number. It knows no `\\u…`."""
    return json.dumps(str(value), ensure_ascii=False)


@dataclass(frozen=True, slots=True, repr=False)
class MqttListener:
    """Where, and with which password."""

    listen: Address
    password: str

    @property
    def block(self) -> list[str]:
        """Of the server's configuration."""
        return [f"mqtt {{ listen: {quoted(self.listen)} }}"]

    @property
    def users(self) -> list[str]:
        """Of the server's `authorization`."""
        readable = ", ".join(map(quoted, _READABLE))
        permissions = f'{{publish: {{deny: ">"}}, subscribe: {{allow: [{readable}]}}}}'
        user = f"user: {_USER}, password: {quoted(self.password)}, allowed_connection_types: [MQTT]"
        return [f"  {{{user}, permissions: {permissions}}}"]

    @property
    def word(self) -> dict[str, str]:
        """What a client has to know."""
        return {"url": f"mqtt://{self.listen}", "user": _USER, "password": self.password}


def mqtt_url(file: Path) -> str:
    """Where the server listens, as it has left word."""
    url: str = json.loads(file.read_text(encoding="utf-8"))["url"]
    return url
