"""Who is enrolled, by name and gallery; never what their faces are like."""

import asyncio
from typing import Any

from vedette.bus.address import site_folder
from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.identities.record import IdentityRecord
from vedette.identities.store import IdentityStore
from vedette.messages import rfc3339
from vedette.secrets.sealing import identities_sealer_of


async def enrolled_people(bus: Bus, config: Config) -> list[dict[str, Any]]:
    """Everybody in all galleries. Without the key of people, which this never makes: nobody.

    Raises:
        BusUnavailable: not connected, or no answer.
        ConfigError: the key can't be read.
    """
    usual = site_folder(config.site) / "identities.key"
    if not await asyncio.to_thread((config.identities.key_file or usual).exists):
        return []
    sealer = await asyncio.to_thread(identities_sealer_of, config)
    people: list[dict[str, Any]] = []
    for entry in await IdentityStore(bus, sealer).read():
        if isinstance(entry, IdentityRecord):
            latest = max((face.enrolled_at for face in entry.faces), default=None)
            said = {"name": entry.name, "faces": len(entry.faces), "enrolled_at": latest and rfc3339(latest)}
        else:
            said = {"problem": entry.why}
        people.append({"gallery": entry.gallery, **said})
    return people
