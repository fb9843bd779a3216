"""Makes the desired cameras what a configuration file says."""

import asyncio
import logging
from collections.abc import Sequence
from time import monotonic

from vedette.cameras.plan import Change, Plan, plan
from vedette.cameras.record import digest_of, said_anew
from vedette.cameras.store import CameraStore, Snapshot
from vedette.config.camera_settings import Camera
from vedette.config.config import Config
from vedette.errors import BusUnavailable, Conflict
from vedette.retry import Backoff, Retry

logger = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=0.2, cap_s=5.0)


async def register(store: CameraStore, config: Config, exact: bool, dry_run: bool = False) -> Plan:
    """Write the file's cameras, all at once, as `vedette/cameras/plan.py` says; returns what has
    changed; `dry_run` writes nothing.

    A file without `cameras` says nothing about them; `cameras: {}` says that there are none.

    Raises:
        BusUnavailable, BusMisfit, MessageTooLarge, Conflict: nothing was written.
    """
    made = Plan()

    def digest(camera: Camera) -> str:
        return digest_of(camera, store.sealer)

    def decide(snapshot: Snapshot) -> Sequence[Change]:
        nonlocal made
        present = {
            name: said_anew(entry, config.cameras[name], store.sealer) if name in config.cameras else entry
            for name, entry in snapshot.entries.items()
        }
        made = plan(config.cameras, present, digest, exact)
        return () if dry_run else made.changes

    if "cameras" in config.model_fields_set:
        await store.edit(decide)
    return made


async def register_patiently(store: CameraStore, config: Config) -> None:
    """The same at a service's start: what was said last counts, and a bus that is away is waited for."""
    retry = Retry(_BACKOFF)
    while True:
        began_s = monotonic()
        try:
            made = await register(store, config, exact=False)
        except (BusUnavailable, Conflict) as error:
            logger.warning("cameras not registered yet: %s", error)
            await asyncio.sleep(retry.wait_s(monotonic() - began_s))
        else:
            say(made)
            return


def say(made: Plan) -> None:
    """Log what has changed."""
    for line in str(made).splitlines():
        logger.info("cameras of the configuration: %s", line)
