"""Which object a box is, between the events that name it."""

from gateway.console.object_ids import KNOWN_FOR_S, ObjectIds, overlap
from vedette.messages import Detection

BOX = (0.1, 0.1, 0.1, 0.3)


def person(x: float) -> Detection:
    return Detection(label="person", confidence=0.9, bbox=(x, 0.1, 0.1, 0.3))


def test_a_box_is_followed_by_its_overlap() -> None:
    ids = ObjectIds()
    ids.on_object("A", "person", BOX, ended=False, at_s=0)
    assert [ids.name([person(0.1 + 0.05 * n)], n) for n in range(5)] == [["A"]] * 5
    assert ids.name([person(0.8)], 6) == [None]


def test_what_moves_is_looked_for_where_it_goes() -> None:
    ids = ObjectIds()
    ids.on_object("A", "person", BOX, ended=False, at_s=0, velocity=(0.2, 0.0))
    assert ids.name([person(0.1), person(0.3)], 1) == [None, "A"]
    assert ids.name([person(0.3), person(0.5)], 2) == [None, "A"]


def test_each_object_is_one_box_the_nearest() -> None:
    ids = ObjectIds()
    ids.on_object("A", "person", BOX, ended=False, at_s=0)
    assert ids.name([person(0.13), person(0.11)], 1) == [None, "A"]


def test_another_label_is_another_object() -> None:
    ids = ObjectIds()
    ids.on_object("A", "car", BOX, ended=False, at_s=0)
    assert ids.name([person(0.1)], 1) == [None]


def test_what_has_ended_or_was_not_seen_for_long_is_forgotten() -> None:
    ids = ObjectIds()
    ids.on_object("A", "person", BOX, ended=False, at_s=0)
    ids.on_object("A", "person", BOX, ended=True, at_s=1)
    assert ids.name([person(0.1)], 1) == [None]
    ids.on_object("B", "person", BOX, ended=False, at_s=2)
    assert ids.name([person(0.1)], KNOWN_FOR_S + 3) == [None]


def test_no_more_than_500_are_known() -> None:
    ids = ObjectIds()
    for n in range(2000):
        ids.on_object(str(n), "person", BOX, ended=False, at_s=n)
    assert len(ids._known) == 500


def test_overlap_is_intersection_over_union() -> None:
    assert round(overlap(BOX, BOX), 5) == 1
    assert overlap(BOX, (0.5, 0.5, 0.1, 0.1)) == 0
    assert round(overlap((0, 0, 0.2, 0.2), (0.1, 0, 0.2, 0.2)), 5) == 0.33333
