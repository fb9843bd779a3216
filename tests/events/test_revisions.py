"""Revisions count all events of an object, those that tell of a snapshot too; these have no part in the others' ids."""

import pytest

from events.objects.published import Published
from events.scene import Scene, SceneEvent, SceneSettings
from tests.events.messages import at, event_id, film, scene, shown
from vedette.object_messages import ObjectEvent, Snapshot

FILM = film([[at(0.03 + 0.04 * n, 0.6)] for n in range(24)] + [[] for _ in range(10)])


def watched(one: Scene, frames: range, pictures: bool = True) -> list[SceneEvent]:
    """The events of some frames; after each the object has a new snapshot."""
    events: list[SceneEvent] = []
    for seq in frames:
        events += one.see(FILM[seq], event_id(FILM[seq]))
        for known in one.known if pictures else ():
            told = one.pictured(known, Snapshot(sha256=f"{seq:064x}", width=1, height=1))
            assert told is not None
            events.append(told)
    return events


def revisions(events: list[SceneEvent]) -> list[int]:
    return [event.data.revision for event in events if isinstance(event.data, ObjectEvent)]


def test_a_snapshot_has_the_next_revision_and_changes_no_other_id() -> None:
    events = watched(scene(), range(len(FILM)))
    assert revisions(events) == list(range(1, len(events) + 1))
    others = [event.id for event in events if len(event.id.partition("/")[2]) < 64]
    assert others == [event.id for event in shown(scene(), FILM)]
    assert len(others) < len(events)


@pytest.mark.parametrize(("saved", "died"), [(0, 5), (2, 12), (8, 8), (8, 15), (20, 23)])
def test_successors_go_on_with_the_next_revision_whenever_the_last_state_was_saved(saved: int, died: int) -> None:
    first = scene()
    published = watched(first, range(saved))
    state = first.state()
    published += watched(first, range(saved, died))
    told = Published()
    for event, revision in zip(published, revisions(published), strict=True):
        told.note(event.id, revision)
    where = first._site, first._camera, first._pipeline
    second = Scene.restored(*where, SceneSettings(), state, told)
    known = {event.id for event in published}
    repeated = [event for event in watched(second, range(saved, died), pictures=False) if event.id not in known]
    assert repeated == []
    third = Scene.restored(*where, SceneSettings(), second.state())  # saved when all that was published is behind it
    events = [*published, *watched(third, range(died, len(FILM)))]
    assert revisions(events) == list(range(1, len(events) + 1))
