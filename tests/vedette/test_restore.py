"""`docs/backup.md`, done: a copy of a stopped server's store, and of the keys, brings a site back."""

import asyncio
import shutil
from pathlib import Path

import vedette
from tests.nats_server import NatsServer
from tests.vedette.cameras.test_store import SITE, added
from tests.vedette.fleet.test_leases import held, running
from tests.vedette.reading import publish, seqs, take
from tests.vedette.samples import detections
from tests.vedette.snapshots.test_store import put as put_snapshot
from vedette.buckets import LEASES
from vedette.bus.connection import connect
from vedette.cameras.record import CameraRecord, UnreadableRecord
from vedette.cameras.store import CameraStore
from vedette.fleet.leases import Lease
from vedette.secrets.sealing import Sealer
from vedette.snapshots.store import SnapshotStore

KEY, ANOTHER_KEY = bytes(32), bytes(31) + b"1"
LEFT_OUT = shutil.ignore_patterns(f"KV_{LEASES}")
"""Of a backup: the leases of then would make epochs that readers have seen higher ones of."""


async def test_a_copy_of_a_stopped_servers_store_brings_a_site_back(nats_server: NatsServer, tmp_path: Path) -> None:
    store, backup = nats_server.folder / "store", tmp_path / "backup"
    async with await connect(nats_server.address, "before") as bus:
        await CameraStore(bus, SITE, Sealer(KEY)).change(added("gate", "yard"), {})
        picture = await put_snapshot(SnapshotStore(bus), b"a picture")
        await publish(bus, *(detections(seq) for seq in range(3)))
        async with vedette.subscribe(nats_server.url, "vedette.detections.>", durable="archive") as events:
            assert seqs(await take(events, 2)) == [0, 1]  # the second is acknowledged when the third is asked for
    nats_server.stop()
    shutil.copytree(store, backup, ignore=LEFT_OUT)

    await asyncio.to_thread(nats_server.start)  # life goes on, and its epochs
    async with await connect(nats_server.address, "meanwhile") as bus:
        lease = Lease(bus, "plant-1.gate", "gateway-1")
        async with running(lease):
            await held(lease)
            last_epoch = lease.epoch
        await CameraStore(bus, SITE, Sealer(KEY)).change(added("lost-since"), {})
    nats_server.kill()
    shutil.rmtree(store)
    shutil.copytree(backup, store)
    await asyncio.to_thread(nats_server.start)

    async with await connect(nats_server.address, "after") as bus:
        cameras = (await CameraStore(bus, SITE, Sealer(KEY)).read()).entries
        assert {name: type(entry) for name, entry in cameras.items()} == {"gate": CameraRecord, "yard": CameraRecord}
        sealed = (await CameraStore(bus, SITE, Sealer(ANOTHER_KEY)).read()).entries["gate"]
        assert isinstance(sealed, UnreadableRecord)
        assert sealed.why == "was sealed with another key (gateway.key_file), or is damaged"
        assert await SnapshotStore(bus).get(picture.sha256) == b"a picture"
        async with vedette.subscribe(nats_server.url, "vedette.detections.>", durable="archive") as events:
            assert seqs(await take(events, 2)) == [1, 2]
        lease = Lease(bus, "plant-1.gate", "gateway-2")
        async with running(lease):
            await held(lease)
            assert lease.epoch > last_epoch
