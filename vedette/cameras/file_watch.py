"""A configuration file that is edited while it is used: its cameras are registered anew after each good edit.

An edit that is not good is said, with file, line and key, and changes nothing. What else the file says takes effect
when the services start again; that is said too.
"""

import asyncio
import logging
from pathlib import Path

from vedette.cameras.registration import register_patiently
from vedette.cameras.store import CameraStore
from vedette.config.checks import contradictions
from vedette.config.config import Config
from vedette.config.file import load_config
from vedette.config.lines import line_of
from vedette.errors import BusMisfit, ConfigError, MessageTooLarge

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_Signature = tuple[int, int, int]
_NOT_CAMERAS = tuple(key for key in Config.model_fields if key != "cameras")


async def watch_config(path: Path, running: Config, store: CameraStore) -> None:
    """Register the cameras of `path` whenever it is edited, until cancelled; `running` is what the services run with.

    No edit ends it. A file that is just being written is left alone: its beginning may well be a good file too.
    """
    seen: _Signature | None = None  # it may have been edited since `running` was read
    latest: _Signature | None = None
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        before, latest = latest, await asyncio.to_thread(_signature, path)
        if latest is None or latest == seen or latest != before:  # not there: an editor puts another in its place
            continue
        seen = latest
        try:
            edited = await asyncio.to_thread(_edited, path, running)
            other = [key for key in _NOT_CAMERAS if getattr(edited, key) != getattr(running, key)]
            if other:
                logger.warning("%s: an edit of %s takes effect when the services start again", path, ", ".join(other))
            await register_patiently(store, edited)
        except (ConfigError, BusMisfit, MessageTooLarge) as error:
            logger.error("the edit is refused whole, what ran goes on: %s", error)
        except Exception as error:  # noqa: BLE001 -- what ran goes on; the text is left out, it may quote the file
            logger.error("%s: the edit is refused whole: internal error: %s", path, type(error).__name__)


def _signature(path: Path) -> _Signature | None:
    """Changes with the file's content; None where it isn't there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _edited(path: Path, running: Config) -> Config:
    """The file as it is now.

    Raises:
        ConfigError: it is not good, or a camera's pipeline is one that the services don't run with yet.
    """
    edited = load_config(path)
    problems = contradictions(running.model_copy(update={"cameras": edited.cameras}))
    if problems:
        lines = [f"{path}:{line_of(path, problem.key)}: {problem}" for problem in problems]
        raise ConfigError("\n".join(lines) + "\n(a new pipeline is there when the services have started again)")
    return edited
