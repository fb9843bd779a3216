"""A substream's URL is as secret as the camera's own, and stands masked for itself when it is sent back."""

from typing import Any

import pytest

from gateway.fleet.camera_settings import checked, patched
from vedette.cameras.check import CameraRefused
from vedette.cameras.record import settings_of
from vedette.config.camera_settings import Camera
from vedette.config.pipeline_settings import Pipeline

PIPELINES = {"people": Pipeline.model_validate({"stages": [{"model": "coco-detector"}]})}
VIEW = {"offset": [0, 0.125], "scale": [1, 0.75]}
SETTINGS = {
    "url": "rtsp://operator:s3cret@10.0.0.5/1",
    "substream": {"url": "rtsp://second:pa55@10.0.0.5/2", "view": VIEW},
    "pipeline": "people",
}


@pytest.fixture
def camera() -> Camera:
    return Camera.model_validate(SETTINGS)


def given(settings: Any, old: Camera | None) -> Camera:
    return checked("gate", settings, old, PIPELINES, remote=True)


def test_nothing_secret_is_shown(camera: Camera) -> None:
    for shown in (repr(camera), str(settings_of(camera)), camera.model_dump_json()):
        assert "pa55" not in shown
        assert "second" not in shown


def test_what_was_shown_can_be_sent_back_changed(camera: Camera) -> None:
    shown = settings_of(camera)
    assert given({**shown, "transport": "tcp"}, camera).substream == camera.substream
    masked = given({**shown, "substream": shown["substream"]["url"]}, camera)
    assert masked.substream is not None
    assert masked.substream.url.reveal() == SETTINGS["substream"]["url"]  # type: ignore[index]
    assert masked.substream.view is None


def test_a_patch_changes_the_view_alone_and_null_removes_the_substream(camera: Camera) -> None:
    changed = given(patched(camera, {"substream": {"view": {"scale": [1, 0.5]}}}), camera)
    assert changed.substream is not None
    assert changed.substream.view is not None
    assert (changed.substream.view.offset, changed.substream.view.scale) == ((0, 0.125), (1, 0.5))
    assert given(patched(camera, {"substream": None}), camera).substream is None


@pytest.mark.parametrize("url", ["rtsp://***@evil.example/2", "/etc/passwd", "whip", "v4l2:///dev/video0"])
@pytest.mark.parametrize("whole", [True, False])
def test_a_masked_url_of_another_host_and_what_is_no_stream_are_refused(camera: Camera, url: str, whole: bool) -> None:
    with pytest.raises(CameraRefused) as refused:
        given({**SETTINGS, "substream": {"url": url} if whole else url}, camera)
    assert [problem.key[0] for problem in refused.value.problems] == ["substream"]
