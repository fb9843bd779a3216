"""A key is followed by another one: everything still opens, is sealed anew, and then the old key may go."""

import asyncio
import base64
from pathlib import Path
from typing import Any

from tests.inference.identities.people import SEALER, record, vector
from vedette.buckets import CAMERAS, IDENTITIES
from vedette.bus.bucket_watch import BucketWatch
from vedette.bus.connection import Bus
from vedette.cameras.plan import Change
from vedette.cameras.record import CameraRecord
from vedette.cameras.registration import register
from vedette.cameras.store import CameraStore
from vedette.commands.reseal import reseal_cameras, reseal_people
from vedette.config.config import Config
from vedette.identities.record import IdentityRecord, person_of
from vedette.identities.store import IdentityStore
from vedette.secrets.sealing import Sealer, sealer_of

OLD, NEW = bytes(range(32)), bytes(reversed(range(32)))
URL = "rtsp://operator:s3cret@10.0.0.5/1"


def configured(key_file: Path, *keys: bytes) -> Config:
    key_file.write_bytes(b"\n".join(map(base64.b64encode, keys)) + b"\n")
    cameras: dict[str, Any] = {"gate": {"url": URL, "pipeline": "people"}}
    pipelines = {"people": {"stages": [{"model": "coco-detector"}]}}
    said = {"site": "plant", "cameras": cameras, "pipelines": pipelines, "gateway": {"key_file": key_file}}
    return Config.model_validate(said)


async def stored(bus: Bus, bucket: str) -> dict[str, bytes]:
    return {key: one.value for key, one in (await BucketWatch(bus, bucket, ">").read()).items() if one.value}


async def test_cameras_are_sealed_anew_and_keep_what_was_changed_by_hand(bus: Bus, tmp_path: Path) -> None:
    file = tmp_path / "key"
    before = await asyncio.to_thread(configured, file, OLD)
    store = CameraStore(bus, "plant", await asyncio.to_thread(sealer_of, before))
    await register(store, before, exact=False)
    async with asyncio.timeout(60):
        gate = (await store.read()).entries["gate"]
        assert isinstance(gate, CameraRecord)
        changed = CameraRecord("gate", gate.camera.model_copy(update={"enabled": False}), "file", gate.said)
        await store.change([Change("gate", changed)], (await store.read()).revisions)

        both = await asyncio.to_thread(configured, file, NEW, OLD)
        store = CameraStore(bus, "plant", await asyncio.to_thread(sealer_of, both))
        assert not (await register(store, both, exact=False)).changes, "what was changed by hand stays"
        tally = await reseal_cameras(store, both)
        assert (tally.done, tally.left) == (1, [])

        after = await asyncio.to_thread(configured, file, NEW)
        store = CameraStore(bus, "plant", await asyncio.to_thread(sealer_of, after))
        assert not (await register(store, after, exact=False)).changes
        gate = (await store.read()).entries["gate"]
        assert isinstance(gate, CameraRecord)
        assert (gate.camera.url.reveal(), gate.camera.enabled) == (URL, False)
        assert b"s3cret" not in (await stored(bus, CAMERAS))["plant.gate"]


async def test_what_no_key_opens_is_left_and_told(bus: Bus, tmp_path: Path) -> None:
    other = await asyncio.to_thread(configured, tmp_path / "other", OLD)
    await register(CameraStore(bus, "plant", await asyncio.to_thread(sealer_of, other)), other, exact=False)
    config = await asyncio.to_thread(configured, tmp_path / "key", NEW)
    tally = await reseal_cameras(CameraStore(bus, "plant", await asyncio.to_thread(sealer_of, config)), config)
    assert tally.done == 0
    assert len(tally.left) == 1 and tally.left[0].startswith("gate: was sealed with another key")


async def test_people_are_found_between_and_after_and_are_one_person_still(bus: Bus) -> None:
    anna = record("Anna Müller", vector(1))
    await IdentityStore(bus, SEALER).edit("staff", anna.name, lambda _: anna)
    both = IdentityStore(bus, Sealer(NEW, former=[OLD]))
    assert isinstance(await both.find("staff", "anna müller"), IdentityRecord)
    assert (await reseal_people(both)).done == 1
    new = Sealer(NEW)
    (found,) = await IdentityStore(bus, new).read("staff")
    assert isinstance(found, IdentityRecord)
    assert (found.name, found.person) == ("Anna Müller", person_of("staff", "Anna Müller", new))
    assert list(await stored(bus, IDENTITIES)) == [f"staff.{found.person}"]
