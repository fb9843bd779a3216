"""Prometheus and Alertmanager as Debian has them, and a receiver of webhooks, for tests."""

import json
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from monitoring.rule_files import rule_file
from tests.free_ports import free_port

RATES_OVER = "20s"
"""What stands for `$__rate_interval`: scrapes come each second."""


class Prometheus:
    """One that scrapes `targets` each second, with Vedette's rules, sped up."""

    def __init__(self, folder: Path, targets: list[str], alertmanager: str) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        scrape = {
            "job_name": "vedette",
            "static_configs": [{"targets": targets, "labels": {"site": "plant-1"}}],
        }
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
            "scrape_configs": [scrape],
        }
        (folder / "prometheus.yaml").write_text(json.dumps(config))
        (folder / "rules.yaml").write_text(json.dumps(_hurried(rule_file())))
        self._process = _started(
            folder / "prometheus.log",
            "prometheus",
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
        )

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The vector (or scalar) that an expression is now. Raises ValueError: it does not parse."""
        data = urllib.parse.urlencode({"query": query}).encode()
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query", data, timeout=60) as answer:
                result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(error.read().decode()) from None
        return result

    def ready(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{self.url}/-/ready", timeout=60) as answer:
            return bool(answer.status == 200)
        return False

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


class Alertmanager:
    """With the file that is shipped, but for its addresses and waits."""

    def __init__(self, folder: Path, shipped: Path, receiver: str) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        text = shipped.read_text().replace("http://localhost:9095", receiver)
        for wait in ("30s", "10s"):
            text = text.replace(f"group_wait: {wait}", "group_wait: 0s")
        (folder / "alertmanager.yaml").write_text(text)
        self._process = _started(
            folder / "alertmanager.log",
            "prometheus-alertmanager",
            f"--config.file={folder / 'alertmanager.yaml'}",
            f"--storage.path={folder / 'alertmanager'}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
        )

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


class Receiver:
    """Takes webhooks; remembers path and body of each."""

    def __init__(self) -> None:
        self.got: list[tuple[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((self.path, json.loads(body)))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def alerts(self, path: str) -> list[Mapping[str, Any]]:
        """All alerts that came under a path."""
        return [alert for at, body in self.got if at == path for alert in body.get("alerts", [])]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    try:
        yield running
    finally:
        running.close()


@contextmanager
def watched(folder: Path, targets: list[str], shipped: Path, to: Receiver) -> Iterator[Prometheus]:
    """Prometheus and Alertmanager, the latter sending to `to`."""
    manager = Alertmanager(folder, shipped, to.url)
    prometheus = Prometheus(folder, targets, manager.address)
    try:
        yield prometheus
    finally:
        prometheus.end()
        manager.end()


@contextmanager
def asking(url: str, body: bytes) -> Iterator[None]:
    """A client that posts `body` again and again."""
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.3):
            with suppress(OSError), urllib.request.urlopen(url, body, timeout=60) as answer:
                answer.read()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)


def until(condition: Any, what: Any, deadline_s: float = 120.0) -> None:
    """Wait for it, looking four times a second."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s} s: {what() if callable(what) else what}"
        time.sleep(0.25)


def _started(log: Path, *words: str) -> "subprocess.Popen[bytes]":
    with log.open("wb") as output:
        return subprocess.Popen(words, stdout=output, stderr=output)


def _hurried(rules: dict[str, Any]) -> dict[str, Any]:
    """Rates over seconds, evaluated each second, and nothing has to last."""
    groups = []
    for group in rules["groups"]:
        hurried = [
            {
                key: value.replace("[5m]", f"[{RATES_OVER}]") if key == "expr" else "0s" if key == "for" else value
                for key, value in rule.items()
            }
            for rule in group["rules"]
        ]
        groups.append({**group, "interval": "1s", "rules": hurried})
    return {"groups": groups}
