"""Logging of every process: text for people or JSON for machines, without credentials, without floods."""

import datetime as dt
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

from vedette.secrets.redaction import redact

current_camera: ContextVar[str | None] = ContextVar("camera", default=None)
current_model: ContextVar[str | None] = ContextVar("model", default=None)

_REPEAT_PERIOD_S = 30.0


def set_up_logging(as_json: bool = False, level: int = logging.INFO) -> None:
    """Log to stderr, everything redacted."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    handler.addFilter(RepeatFilter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    logging.getLogger("aiohttp.server").addFilter(_is_ours)


@contextmanager
def about_camera(name: str | None) -> Iterator[None]:
    """What is logged inside is about this camera."""
    token = current_camera.set(name)
    try:
        yield
    finally:
        current_camera.reset(token)


def _is_ours(record: logging.LogRecord) -> bool:
    """Not a request that is no HTTP: it has its answer, and anybody can send thousands."""
    error = record.exc_info[1] if record.exc_info else None
    return not type(error).__module__.startswith("aiohttp.http_exceptions")


class TextFormatter(logging.Formatter):
    """`10:53:13.250 WARNING gateway.fleet.camera [gate]: …`"""

    def format(self, record: logging.LogRecord) -> str:
        moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
        about = " ".join(filter(None, (current_camera.get(), current_model.get())))
        where = f"{record.name} [{about}]" if about else record.name
        text = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03} {record.levelname} {where}: {record.getMessage()}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return redact(text)


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
            "camera": current_camera.get(),
            "model": current_model.get(),
            "error": redact(self.formatException(record.exc_info)) if record.exc_info else None,
        }
        return json.dumps({key: value for key, value in entry.items() if value is not None}, ensure_ascii=False)


class RepeatFilter(logging.Filter):
    """Lets a warning or error with the same text through once in 30 s, and says then how many were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, str, str | None], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        key = (record.name, record.getMessage(), current_camera.get())
        since, left_out = self._seen.get(key, (-_REPEAT_PERIOD_S, 0))
        now = monotonic()
        if now - since < _REPEAT_PERIOD_S:
            self._seen[key] = (since, left_out + 1)
            return False
        if len(self._seen) > 1000:
            self._seen.clear()
        self._seen[key] = (now, 0)
        if left_out:
            record.msg, record.args = f"{record.getMessage()} (and {left_out} times before)", ()
        return True
