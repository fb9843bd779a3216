"""Where the bus is, and with which credentials: the configuration's server, or this site's embedded one."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from vedette.bus_settings import Retention
from vedette.config import Config
from vedette.errors import BusUnavailable
from vedette.secret import SecretText, SecretUrl

STATE_VARIABLE = "VEDETTE_STATE"
"""Environment variable: where the state of this machine's sites lies. Default `.vedette` in the working directory."""


@dataclass(frozen=True, slots=True)
class BusAddress:
    """How to connect, and how the streams are to be."""

    url: SecretUrl
    user: str | None = None
    password: SecretText | None = None
    credentials: SecretText | None = None
    """Text of a `.creds` file."""
    replicas: int = 1
    retention: Retention = field(default_factory=Retention)


def site_folder(site: str) -> Path:
    """What the site keeps on this machine: the embedded server's store, its credentials, logs."""
    return Path(os.environ.get(STATE_VARIABLE, ".vedette")) / site


def embedded_address_file(site: str) -> Path:
    """Written (mode 0600) by the embedded server's start; read by everything on this machine that connects to it."""
    return site_folder(site) / "nats.json"


def mqtt_address_file(site: str) -> Path:
    """The same for MQTT clients, where the embedded server listens for any: it holds no credentials but theirs."""
    return site_folder(site) / "mqtt.json"


def address_of(config: Config) -> BusAddress:
    """The configuration's server, or the embedded one as its start left word of it.

    Raises:
        BusUnavailable: the embedded server was never started here, or by another user.
    """
    if config.nats is not None:
        return BusAddress(
            url=config.nats.url,
            credentials=config.nats.credentials,
            replicas=config.nats.replicas,
            retention=config.retention,
        )
    file = embedded_address_file(config.site)
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        url, user, password = SecretUrl(known["url"]), str(known["user"]), SecretText(known["password"])
    except FileNotFoundError:
        text = f"no nats-server runs for site {config.site} here ({file} is missing); begin with: vedette up"
        raise BusUnavailable(text) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is damaged; start the server again"
        raise BusUnavailable(f"{file}: {reason}") from None
    return BusAddress(url=url, user=user, password=password, retention=config.retention)
