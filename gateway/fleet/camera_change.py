"""One camera changed in the KV bucket, by the API or the command line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gateway.fleet.camera_edit import Edit
from vedette.cameras.plan import Change
from vedette.cameras.record import CameraRecord, Entry
from vedette.cameras.store import CameraStore, Snapshot


@dataclass(frozen=True, slots=True)
class Changed:
    """What was there, and what is."""

    before: Entry | None
    after: CameraRecord | None


async def change_camera(
    store: CameraStore, name: str, edit: Edit, condition: Callable[[Entry | None], None] = lambda present: None
) -> Changed:
    """Make of the camera what `edit` makes of the one that is there, if `condition` doesn't raise.

    Raises:
        What `edit` and `condition` raise, and CameraStore.edit.
    """
    before: Entry | None = None
    after: CameraRecord | None = None

    def decide(snapshot: Snapshot) -> Sequence[Change]:
        nonlocal before, after
        before = snapshot.entries.get(name)
        condition(before)
        after = edit(before)
        return [] if after and _same(after, before) else [Change(name, after)]

    revision = await store.edit(decide)
    if after is not None:
        after = replace(after, revision=revision or (before.revision if before else 0))
    return Changed(before, after)


def _same(after: CameraRecord, before: Entry | None) -> bool:
    return isinstance(before, CameraRecord) and (after.camera, after.origin) == (before.camera, before.origin)
