"""A hub that the tests of this folder share."""

from collections.abc import AsyncIterator

import pytest

from tests.vedette.site.places_of_work import SITE, Place, hub_config, running_hub


@pytest.fixture
async def hub() -> AsyncIterator[Place]:
    """It gathers what `SITE` detects, and infers the frames of `kiosk`."""
    async with running_hub(hub_config(sites=[SITE], frames_from=["kiosk"])) as hub:
        yield hub
