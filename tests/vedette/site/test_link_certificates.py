"""The metric says when the certificates of a link end."""

import asyncio
import logging
import shutil
from pathlib import Path

import pytest
from cryptography.x509 import load_pem_x509_certificate

from tests.gateway.certificates import self_signed
from tests.waiting import until
from vedette.background import background
from vedette.config.config import Config
from vedette.process.metrics import CERTIFICATE_EXPIRY
from vedette.site import link_certificates
from vedette.site.link_certificates import watch_link_certificates


def said(use: str) -> float:
    (metric,) = CERTIFICATE_EXPIRY.collect()
    return next((sample.value for sample in metric.samples if sample.labels == {"certificate": use}), 0.0)


async def test_the_end_of_both_sides_certificates_is_told_and_told_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(link_certificates, "AGAIN_S", 0.01)
    own = await asyncio.to_thread(self_signed, tmp_path, "127.0.0.1")
    shown = tmp_path / "shown.pem"
    await asyncio.to_thread(shutil.copy, own.pem, shown)
    ends = load_pem_x509_certificate(await asyncio.to_thread(own.pem.read_bytes)).not_valid_after_utc.timestamp()
    files = {"certificate": str(shown), "key": str(own.key)}
    site = Config.model_validate({"site": "a", "uplink": {"url": "tls://hub:7422", "password_file": "x", "tls": files}})
    hub = Config.model_validate({"site": "b", "hub": {"tls": {"server_cert": str(own.pem), "server_key": "k"}}})
    async with background(watch_link_certificates(site), watch_link_certificates(hub)):
        await until(lambda: said("uplink") == said("hub") == ends, "both are told")
        CERTIFICATE_EXPIRY.labels("uplink").set(0)
        await asyncio.to_thread(shown.write_text, "garbage")
        with caplog.at_level(logging.WARNING):
            await until(lambda: "has no certificate in PEM; nothing warns" in caplog.text, "it is said")
        await asyncio.to_thread(shutil.copy, own.pem, shown)
        await until(lambda: said("uplink") == ends, "the new file is told")
    assert caplog.text.count("nothing warns") == 1


async def test_a_configuration_without_a_link_is_done_at_once() -> None:
    await asyncio.wait_for(watch_link_certificates(Config.model_validate({"site": "a"})), 5)
