"""Where the bus is, and with which credentials: the configuration's server, or this site's embedded one."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from vedette.config.bus_settings import Retention
from vedette.config.config import Config
from vedette.config.tls_settings import ClientTls
from vedette.errors import BusUnavailable
from vedette.roles.login import Login, read_login
from vedette.roles.permissions import Role
from vedette.secrets.secret import SecretText, SecretUrl

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
    role: Role | None = None
    """As what: answers come to an inbox of the role's own. None: to the library's usual one."""
    logins: Path | None = None
    """Folder with the file that user and password are from; it is looked at again."""
    tls: ClientTls | None = None
    local_sites: tuple[str, ...] | None = None
    """At a hub: whose detections are made here. Those of all other sites come from their own servers."""


def site_folder(site: str) -> Path:
    """What the site keeps on this machine: the embedded server's store, its credentials, logs."""
    return Path(os.environ.get(STATE_VARIABLE, ".vedette")) / site


def embedded_address_file(site: str) -> Path:
    """Written (mode 0600) by the embedded server's start: where it is, and how to sign in as an operator."""
    return site_folder(site) / "nats.json"


def embedded_logins(site: str) -> Path:
    """Folder of the files with which each role signs in to the embedded server: `vedette/roles/login.py`."""
    return site_folder(site) / "roles"


def mqtt_address_file(site: str) -> Path:
    """The same for MQTT clients, where the embedded server listens for any: it holds no credentials but theirs."""
    return site_folder(site) / "mqtt.json"


def address_of(config: Config, role: Role = "operator") -> BusAddress:
    """The configuration's server, or the embedded one as its start left word of it; and how `role` signs in there.

    Raises:
        BusUnavailable: the embedded server was never started here, or by another user; or there is no file for `role`.
    """
    if config.nats is not None:
        nats = config.nats
        login = Login(credentials=nats.credentials) if nats.roles is None else read_login(nats.roles, role)
        return BusAddress(
            url=nats.url,
            user=login.user,
            password=login.password,
            credentials=login.credentials,
            replicas=nats.replicas,
            retention=config.retention,
            role=role,
            logins=nats.roles,
            tls=nats.tls,
            local_sites=_local_sites(config),
        )
    file = embedded_address_file(config.site)
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        url = SecretUrl(known["url"])
    except FileNotFoundError:
        text = f"no nats-server runs for site {config.site} here ({file} is missing); begin with: vedette up"
        raise BusUnavailable(text) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is damaged; start the server again"
        raise BusUnavailable(f"{file}: {reason}") from None
    logins = embedded_logins(config.site)
    login = read_login(logins, role)
    return BusAddress(
        url,
        login.user,
        login.password,
        retention=config.retention,
        role=role,
        logins=logins,
        local_sites=_local_sites(config),
    )


def _local_sites(config: Config) -> tuple[str, ...] | None:
    return (config.site, *config.hub.frames_from) if config.hub else None
