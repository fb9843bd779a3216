"""The link with TLS: each side shows a certificate, and without the right one nothing crosses, not even a password."""

import shutil
from pathlib import Path

import pytest

from tests.gateway.certificates import Certificate, self_signed
from tests.vedette.site.places_of_work import (
    SITE,
    Edge,
    all_there,
    hub_config,
    keeping,
    producing,
    running_hub,
    running_site,
    until_linked,
)
from tests.waiting import until
from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.site.edge_stream import held_by
from vedette.streams import DETECTIONS


@pytest.fixture
def certificates(tmp_path: Path) -> dict[str, Certificate]:
    made = {}
    for name in ("hub", "site", "renewed"):
        (tmp_path / name).mkdir()
        made[name] = self_signed(tmp_path / name, "127.0.0.1")
    return made


def tls_hub(certificates: dict[str, Certificate]) -> Config:
    hub, site = certificates["hub"], certificates["site"]
    return hub_config(sites=[SITE], tls={"server_cert": hub.pem, "server_key": hub.key, "client_ca": site.pem})


def of_site(certificates: dict[str, Certificate], ca: str = "hub", shown: str = "site") -> dict[str, str]:
    own = certificates[shown]
    return {"ca": str(certificates[ca].pem), "certificate": str(own.pem), "key": str(own.key)}


async def refused(bus: Bus, edge: Edge) -> None:
    """It has tried again and again, is not linked, and has told nobody its password."""
    tries = edge.link.tries
    await until(lambda: edge.link.tries > tries + 1, "the site tries again")
    assert await held_by(bus, SITE, DETECTIONS) is None
    uplink = edge.config.uplink
    assert uplink is not None
    assert uplink.password_file.read_bytes().strip() not in edge.link.sent


async def test_certificates_of_both_sides_are_asked_for_and_replaced_without_a_restart(
    tmp_path: Path, certificates: dict[str, Certificate]
) -> None:
    async with (
        running_hub(tls_hub(certificates)) as hub,
        running_site(tmp_path, SITE, hub, tls=of_site(certificates)) as edge,
        await hub.connect("operator") as bus,
        keeping(bus, SITE),
        producing(edge) as producer,
    ):
        await producer.publish(10)
        await all_there(bus, producer)
        shutil.copy(certificates["renewed"].pem, certificates["hub"].pem)  # the site's authority and the hub's own
        shutil.copy(certificates["renewed"].key, certificates["hub"].key)
        await edge.reload()
        await edge.link.cut()
        await edge.link.mend()
        await refused(bus, edge)
        await hub.reload()
        await producer.publish(10)
        await all_there(bus, producer)


@pytest.mark.parametrize("wrong", [{"ca": "site"}, {"shown": "renewed"}])
async def test_without_the_right_certificate_there_is_no_link(
    tmp_path: Path, certificates: dict[str, Certificate], wrong: dict[str, str]
) -> None:
    async with (
        running_hub(tls_hub(certificates)) as hub,
        running_site(tmp_path, SITE, hub, tls=of_site(certificates, **wrong)) as edge,
        await hub.connect("operator") as bus,
    ):
        await refused(bus, edge)


async def test_a_hub_without_tls_is_told_nothing_by_a_site_that_wants_it(
    tmp_path: Path, certificates: dict[str, Certificate]
) -> None:
    async with (
        running_hub(hub_config(sites=[SITE])) as hub,
        running_site(tmp_path, SITE, hub, tls=of_site(certificates)) as edge,
        await hub.connect("operator") as bus,
    ):
        await refused(bus, edge)


async def test_a_hub_with_tls_links_with_a_site_that_has_its_authority_alone(
    tmp_path: Path, certificates: dict[str, Certificate]
) -> None:
    hub = certificates["hub"]
    config = hub_config(sites=[SITE], tls={"server_cert": hub.pem, "server_key": hub.key})
    async with (
        running_hub(config) as running,
        running_site(tmp_path, SITE, running, tls={"ca": str(hub.pem)}),
        await running.connect("operator") as bus,
    ):
        await until_linked(bus, SITE)
