"""What counts as lost on the way from a camera."""

from benchmarks.idle_fleet import Came, missing

SENT = {"cam0": (500, 10), "cam1": (500, 10)}


def test_all_but_the_last_picture_of_each_is_nothing_lost_even_if_that_is_a_keyframe() -> None:
    lost = missing({"cam0": Came(499, 10, 10), "cam1": Came(499, 9, 9)}, SENT)
    assert not any(lost.values())


def test_a_keyframe_that_did_not_come_is_not_made_up_for_by_another_camera() -> None:
    lost = missing({"cam0": Came(498, 9, 9), "cam1": Came(499, 10, 10)}, SENT)
    assert lost == {"keyframes_lost": 1, "keyframes_not_decoded": 0, "pictures_lost": 1}


def test_a_keyframe_that_came_and_was_not_decoded_is_told_apart() -> None:
    lost = missing({"cam0": Came(499, 10, 8), "cam1": Came(499, 10, 10)}, SENT)
    assert lost == {"keyframes_lost": 0, "keyframes_not_decoded": 2, "pictures_lost": 0}
