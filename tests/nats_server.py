"""A real nats-server for tests, on a free port, that can be killed and come back on the same one."""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.free_ports import free_port
from vedette.bus.address import BusAddress
from vedette.bus.embedded_nats import server_binary
from vedette.config.bus_settings import Retention
from vedette.process.child import die_with_parent
from vedette.secrets.secret import SecretUrl

DEADLINE_S = 30.0
SMALL = Retention(detections_gib=0.5, events_gib=0.5, snapshots_gib=0.5, clips_mib=64, frames_mib=64, pictures_mib=32)


class NatsServer:
    def __init__(self, folder: Path, *extra: str) -> None:
        self.folder = folder
        self.port = -1
        self._extra = extra
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> BusAddress:
        return BusAddress(url=SecretUrl(f"nats://127.0.0.1:{self.port}"), retention=SMALL)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        if self.port < 0:
            self.port = free_port()
        for old in self.folder.glob("*.ports"):
            old.unlink()
        log = self.folder / "nats.log"
        listen = ["-a", "127.0.0.1", "-p", str(self.port), "--ports_file_dir", str(self.folder), "-l", str(log)]
        self._process = subprocess.Popen(
            [str(server_binary()), *listen, "-js", "-sd", str(self.folder / "store"), *self._extra],
            preexec_fn=die_with_parent,  # a test run that is killed leaves no server
        )
        deadline = time.monotonic() + DEADLINE_S
        while not (ports := [file.read_text() for file in self.folder.glob("*.ports")]) or "://" not in ports[0]:
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"nats-server did not start: {log.read_text() if log.exists() else 'no log'}")
            time.sleep(0.005)
        self.port = int(ports[0].split("://127.0.0.1:")[1].split('"')[0])

    def kill(self) -> None:
        """SIGKILL: memory streams are gone, file streams are as they were."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """SIGTERM, as a service is stopped."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(DEADLINE_S)
        self._process = None

    def restart(self) -> None:
        self.kill()
        self.start()

    def close(self) -> None:
        if self._process is not None:
            self.kill()


class GuardedServer(NatsServer):
    """With a configuration of its own: users, certificates."""

    def __init__(self, folder: Path, text: str) -> None:
        (folder / "nats.conf").write_text(text)
        super().__init__(folder, "-c", str(folder / "nats.conf"))

    def reload(self) -> None:
        """As `nats-server --signal reload`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)


def started(server: GuardedServer) -> Iterator[GuardedServer]:
    """The body of a fixture."""
    server.start()
    yield server
    server.close()
