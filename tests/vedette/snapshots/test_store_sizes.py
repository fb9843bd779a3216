"""Servers that are shipped have room for the streams of the configuration that they are shipped with."""

import os
import re
from pathlib import Path

import pytest
from nats.js.api import StorageType

from vedette.__main__ import main
from vedette.buckets import buckets
from vedette.config.file import load_config
from vedette.streams import streams

CONFIGS = Path(__file__).parents[3] / "configs"
GIB = 2**30
LOGINS = {"VEDETTE_NATS_USER": "gateway", "VEDETTE_NATS_PASSWORD": "secret"}


def has_room(server: Path, site: Path) -> bool:
    text, retention = server.read_text(), load_config(site, {**os.environ, **LOGINS}).retention
    held = dict.fromkeys(StorageType, 0)
    for stream in (*streams(retention), *buckets()):
        held[stream.storage or StorageType.FILE] += max(stream.max_bytes or 0, 0)
    room = {storage: int(re.findall(rf"max_{storage.value}_store: (\d+)Gi", text)[0]) * GIB for storage in StorageType}
    return all(held[storage] < room[storage] for storage in StorageType)


@pytest.mark.parametrize("place", ["compose/site.yaml", "cloud/cloud.yaml"])
def test_a_shipped_server_has_room(place: str) -> None:
    site = CONFIGS / place
    assert has_room(site.parent / "nats.conf", site)


def test_a_new_site_s_server_has_room(tmp_path: Path) -> None:
    assert main(["site", "init", "plant-1", "--hub", "tls://hub.example:7422", "--out", str(tmp_path)]) == 0
    assert has_room(tmp_path / "site" / "nats.conf", tmp_path / "site" / "site.yaml")
