"""A real S3 server for tests (`rclone serve s3`), on a free port, with signed requests, that can be killed."""

import re
import subprocess
import sysconfig
import time
from pathlib import Path

from vedette.process.child import die_with_parent

DEADLINE_S = 30.0
KEY, SECRET = "operator", "s3cret-of-the-store"


class S3Server:
    """Its buckets are the folders in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def options(self) -> dict[str, str]:
        return {"key": KEY, "secret": SECRET, "endpoint_url": f"http://127.0.0.1:{self.port}"}

    def start(self) -> None:
        log = self.folder.parent / "rclone.log"
        rclone = Path(sysconfig.get_path("scripts")) / "rclone"
        listen = ["--addr", f"127.0.0.1:{self.port}", "--auth-key", f"{KEY},{SECRET}"]
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [str(rclone), "serve", "s3", "--config", "", *listen, str(self.folder)],
                stdout=file,
                stderr=file,
                preexec_fn=die_with_parent,
            )
        deadline = time.monotonic() + DEADLINE_S
        while not (found := re.search(rb"Starting s3 server on \[http://127\.0\.0\.1:(\d+)/", log.read_bytes())):
            assert time.monotonic() < deadline, f"rclone did not start: {log.read_text()}"
            time.sleep(0.01)
        self.port = int(found[1])

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
