"""When the certificates end that a site and its hub show one another. Their servers have no such metric."""

import asyncio
import logging
from pathlib import Path

from vedette.config.config import Config
from vedette.tls.files import note_expiry

logger = logging.getLogger(__name__)

AGAIN_S = 60.0


async def watch_link_certificates(config: Config) -> None:
    """Tell the metric, and again every minute: a file may be replaced."""
    files = _files(config)
    warned: set[Path] = set()
    while files:
        for use, path in files.items():
            problem = await asyncio.to_thread(_note, path, use)
            if problem is None:
                warned.discard(path)
            elif path not in warned:
                warned.add(path)
                logger.warning("%s: %s: %s; nothing warns of its end", use, path, problem)
        await asyncio.sleep(AGAIN_S)


def _files(config: Config) -> dict[str, Path]:
    uplink, hub = config.uplink, config.hub
    shown = {
        "uplink": uplink.tls.certificate if uplink is not None and uplink.tls is not None else None,
        "hub": hub.tls.server_cert if hub is not None and hub.tls is not None else None,
    }
    return {use: path for use, path in shown.items() if path is not None}


def _note(path: Path, use: str) -> str | None:
    try:
        note_expiry(path.read_bytes(), use)
    except OSError as error:
        return error.strerror or str(error)
    except ValueError:
        return "has no certificate in PEM"
    return None
