"""What a file says of its cameras, against what is there: who wins."""

import pytest

from vedette.cameras.plan import Plan, plan
from vedette.cameras.record import CameraRecord, Entry, Origin, UnreadableRecord, digest_of
from vedette.config.camera_settings import Camera
from vedette.secrets.sealing import Sealer

SEALER = Sealer(bytes(32))


def camera(fps: float = 2, key: str = "secret", enabled: bool = True) -> Camera:
    url = f"rtsp://operator:{key}@10.0.0.5/1"
    return Camera.model_validate({"url": url, "pipeline": "people", "sampling": {"fps": fps}, "enabled": enabled})


def digest(of: Camera) -> str:
    return digest_of(of, SEALER)


def record(of: Camera, origin: Origin = "file", said: Camera | None = None) -> CameraRecord:
    """`said`: what the file said when it was applied last, where that is something else."""
    return CameraRecord("gate", of, origin, digest(said or of) if origin == "file" else None, 7)


def planned(said: dict[str, Camera], present: Entry | None, exact: bool = False) -> Plan:
    made = plan(said, {"gate": present} if present else {}, digest, exact)
    assert {change.name for change in made.changes} >= {*made.added, *made.changed, *made.removed}
    return made


def test_a_new_camera_is_added_and_a_known_one_left_alone() -> None:
    assert planned({"gate": camera()}, None).added == ("gate",)
    same = planned({"gate": camera()}, record(camera()))
    assert (same.unchanged, same.changes) == (("gate",), ())


@pytest.mark.parametrize("now", [camera(fps=5), camera(key="another")])
def test_a_camera_that_the_file_changed_is_changed(now: Camera) -> None:
    made = planned({"gate": now}, record(camera()))
    assert made.changed.keys() == {"gate"}
    assert made.changes[0].record == CameraRecord("gate", now, "file", digest(now))


def test_what_was_changed_since_stays_until_the_file_says_something_new_or_is_applied() -> None:
    disabled = record(camera(enabled=False), said=camera())
    assert planned({"gate": camera()}, disabled).changes == ()
    assert planned({"gate": camera(fps=5)}, disabled).changed.keys() == {"gate"}
    assert planned({"gate": camera()}, disabled, exact=True).changed.keys() == {"gate"}


def test_a_file_that_says_what_was_changed_already_only_takes_note() -> None:
    made = planned({"gate": camera(enabled=False)}, record(camera(enabled=False), said=camera()))
    assert (made.changed, made.unchanged, len(made.changes)) == ({}, ("gate",), 1)


def test_only_cameras_of_the_file_leave_with_it() -> None:
    assert planned({}, record(camera())).removed == ("gate",)
    assert planned({}, record(camera(), "api")).changes == ()
    assert planned({}, UnreadableRecord("gate", "is no camera's record")).changes == ()


@pytest.mark.parametrize("there", [record(camera(), "api"), UnreadableRecord("gate", "is no camera's record")])
def test_a_file_takes_over_what_it_names(there: Entry) -> None:
    assert planned({"gate": camera()}, there).changed.keys() == {"gate"}


def test_a_plan_is_told_in_a_line_a_change() -> None:
    made = Plan(added=("a", "b"), changed={"c": ("url", "sampling")}, removed=("d",), unchanged=("e",))
    assert str(made) == "+ a\n+ b\n~ c: url, sampling\n- d"


def test_of_a_changed_camera_the_settings_are_named_and_no_value() -> None:
    made = planned({"gate": camera(fps=5, key="another")}, record(camera()))
    assert str(made) == "~ gate: url, sampling"
