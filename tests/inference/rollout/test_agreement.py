import pytest

from inference.picture_answer import Found
from inference.rollout.agreement import Compared, compare, iou


def found(label: str, x: float = 0.0, confidence: float = 0.9, width: float = 0.2) -> Found:
    return Found(label, confidence, (x, 0.0, width, 0.5))


def test_two_versions_that_say_the_same_agree() -> None:
    objects = [found("person"), found("car", 0.5), found("person", 0.7)]
    assert [one[:2] for one in compare(objects, objects, 0.4)] == [(one.label, "same") for one in objects]
    assert min(one.iou for one in compare(objects, objects, 0.4)) == pytest.approx(1.0)


def test_a_box_of_another_label_is_a_disagreement_about_the_label() -> None:
    (one,) = compare([found("car")], [found("truck")], 0.4)
    assert one == ("car", "other_label", one.iou)
    assert one.iou == pytest.approx(1.0)


def test_the_same_label_is_preferred_to_a_larger_overlap() -> None:
    one, beside = found("car"), found("car", 0.04)
    assert compare([one], [found("truck"), beside], 0.4)[0][:2] == ("car", "same")


def test_what_only_one_has_found_is_said() -> None:
    assert compare([found("person")], [found("person", 0.5)], 0.4) == [
        Compared("person", "only_first", 0.0),
        Compared("person", "only_second", 0.0),
    ]


def test_one_object_is_matched_once() -> None:
    outcomes = [one.outcome for one in compare([found("person"), found("person")], [found("person")], 0.4)]
    assert sorted(outcomes) == ["only_first", "same"]


def test_weak_objects_are_no_matter() -> None:
    assert compare([found("person", confidence=0.3)], [found("car", confidence=0.2)], 0.4) == []


def test_overlap_is_of_the_area() -> None:
    assert iou((0, 0, 2, 2), (1, 0, 2, 2)) == pytest.approx(1 / 3)
    assert iou((0, 0, 1, 1), (2, 0, 1, 1)) == 0
    assert iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0
