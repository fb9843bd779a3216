import pytest

from inference.rollout.share import in_share, place_of

CAMERAS = [("plant-1", f"cam-{number}") for number in range(10_000)]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9, 1.0])
def test_a_share_is_that_share_of_the_cameras(share: float) -> None:
    chosen = sum(in_share(site, camera, share) for site, camera in CAMERAS)
    spread = (share * (1 - share) * len(CAMERAS)) ** 0.5
    assert abs(chosen - share * len(CAMERAS)) <= 4 * spread


def test_cameras_only_come_when_the_share_grows_and_only_go_when_it_shrinks() -> None:
    before: set[tuple[str, str]] = set()
    for percent in range(0, 101, 5):
        now = {source for source in CAMERAS if in_share(*source, percent / 100)}
        assert before <= now
        before = now
    assert len(before) == len(CAMERAS)


def test_a_camera_has_the_same_place_for_ever() -> None:
    assert place_of("plant-1", "gate") == pytest.approx(0.9066230953868949)  # others move cameras at an upgrade
    assert place_of("plant-1", "gate") != place_of("plant-2", "gate")


def test_site_and_camera_are_not_run_together() -> None:
    assert place_of("a", "b-c") != place_of("a-b", "c")
