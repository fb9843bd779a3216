"""What the hub knows of a site, over restarts: JSON under the site's name in the KV bucket `vedette-sites`."""

import datetime as dt
import logging

from nats.errors import Error as NatsError
from nats.js.errors import KeyNotFoundError
from pydantic import BaseModel, ConfigDict, ValidationError

from vedette.buckets import SITES
from vedette.bus.connection import Bus, describe
from vedette.errors import BusUnavailable
from vedette.site.places import Place

logger = logging.getLogger(__name__)


class StreamRecord(BaseModel):
    """One stream of a site."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    created: str
    """When the site's server made it."""
    at_site: int
    at_hub: int
    """Up to here nothing is missing, but what was counted as lost."""
    lost: int = 0
    gaps: int = 0
    renewals: int = 0
    last_gap: dt.datetime | None = None
    """When the latest gap (or renewal) was seen."""

    @property
    def proven(self) -> Place:
        return Place(self.at_site, self.at_hub)

    def up_to(self, place: Place) -> "StreamRecord":
        """The same, with nothing missing up to `place`."""
        return self.model_copy(update={"at_site": place.at_site, "at_hub": place.at_hub})

    def with_gap(self, lost: int, now: dt.datetime) -> "StreamRecord":
        """The same, with `lost` messages more."""
        return self.model_copy(update={"lost": self.lost + lost, "gaps": self.gaps + 1, "last_gap": now})


class SiteRecord(BaseModel):
    """By stream."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    streams: dict[str, StreamRecord] = {}


async def read_record(bus: Bus, site: str) -> SiteRecord:
    """Empty where there is none.

    Raises:
        BusUnavailable: no answer.
    """
    try:
        entry = await (await bus.bucket(SITES)).get(site)
        return SiteRecord.model_validate_json(entry.value or b"{}")
    except KeyNotFoundError:
        return SiteRecord()
    except ValidationError:
        logger.error("%s: the record of site %s can't be read; it is begun anew", SITES, site)
        return SiteRecord()
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"{SITES}: {describe(error)}") from error


async def write_record(bus: Bus, site: str, record: SiteRecord) -> None:
    """Raises:
    BusUnavailable: no answer.
    """
    try:
        await (await bus.bucket(SITES)).put(site, record.model_dump_json().encode())
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"{SITES}: {describe(error)}") from error
