"""What waits for one viewer, and what is dropped."""

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.console.outbox import EVENTS_AT_MOST, UNDRAWN_AT_MOST, Outbox, PictureOf
from gateway.console.scene import Place

GATE, YARD = Place("gate", "people"), Place("yard", "people")


def taken(outbox: Outbox) -> list[str | PictureOf]:
    """All that can be sent now."""
    found = []
    while (message := outbox.next()) is not None:
        found.append(message)
    return found


def test_of_a_state_the_newest_is_sent() -> None:
    outbox = Outbox()
    for message in ("one", "two"):
        outbox.state("camera gate", message)
    outbox.state("camera yard", "three")
    assert taken(outbox) == ["two", "three"]


def test_the_oldest_events_are_dropped_and_said_to_be() -> None:
    outbox = Outbox()
    for n in range(EVENTS_AT_MOST + 7):
        outbox.event(str(n))
    missed, *events = taken(outbox)
    assert isinstance(missed, str)
    assert json.loads(missed) == {"type": "missed", "events": 7}
    assert events == [str(n) for n in range(7, EVENTS_AT_MOST + 7)]


def test_pictures_go_in_turn_and_wait_until_those_before_are_drawn() -> None:
    outbox = Outbox()
    for _ in range(3):
        outbox.picture(GATE)
        outbox.picture(YARD)
    assert taken(outbox) == [PictureOf(GATE), PictureOf(YARD)]
    outbox.picture(GATE)
    outbox.picture(YARD)
    assert taken(outbox) == []
    outbox.event("meanwhile")
    assert taken(outbox) == ["meanwhile"]
    outbox.drawn()
    assert taken(outbox) == [PictureOf(GATE)]


def test_who_does_not_draw_has_no_room_for_more() -> None:
    outbox = Outbox()
    assert outbox.has_room(GATE)
    for _ in range(UNDRAWN_AT_MOST):
        outbox.picture(GATE)
        outbox.next()
    outbox.picture(GATE)
    assert not outbox.has_room(GATE)
    assert outbox.has_room(YARD)
    outbox.drawn()
    assert outbox.has_room(GATE)


def test_what_is_not_looked_at_any_more_is_not_sent() -> None:
    outbox = Outbox()
    outbox.picture(GATE)
    outbox.forget(GATE)
    assert taken(outbox) == []


@given(st.lists(st.sampled_from(["event", "gate", "yard", "state", "next", "drawn"]), max_size=400))
def test_it_never_grows_whatever_happens(steps: list[str]) -> None:
    outbox = Outbox()
    undrawn = 0
    for step in steps:
        if step == "event":
            outbox.event("event")
        elif step == "state":
            outbox.state("camera gate", "state")
        elif step == "next":
            undrawn += isinstance(outbox.next(), PictureOf)
        elif step == "drawn":
            outbox.drawn()
            undrawn = max(0, undrawn - 1)
        else:
            outbox.picture(Place(step, "people"))
        assert outbox.waiting <= EVENTS_AT_MOST + 1 + 2
        assert undrawn <= UNDRAWN_AT_MOST
