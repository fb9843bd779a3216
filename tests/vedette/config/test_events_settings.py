"""Zones, lines, masks and `events:` in the configuration: what is wrong is said with its line and key."""

from pathlib import Path

import pytest

from vedette.cameras.check import read_camera
from vedette.cameras.record import settings_of
from vedette.config.file import load_config
from vedette.errors import ConfigError

CONFIG = """\
site: plant-1
cameras:
  gate:
    url: rtsp://10.0.0.5/one
    pipeline: people
    gate: {mode: activity}
    zones: {yard: {polygon: [[0, 0], [1, 0], [1, 1]], labels: [person], confidence: 0.5, min_size: 0.01, after_s: 2}}
    lines: {door: {from: [0.2, 0.5], to: [0.8, 0.5], right: in, left: out}}
    masks:
      - [[0, 0], [0.1, 0], [0.1, 0.1]]
      - {polygon: [[0.5, 0], [0.6, 0], [0.6, 0.1]], labels: [car]}
pipelines: {people: {stages: [{model: coco-detector}]}}
events: {objects: {lost_s: 4}, save_s: 2, picture: {underexposed: [20, 30], moved: [18, 12]}}
"""
WRONG = [
    ("[20, 30]", "[30, 20]", "13: events.picture: underexposed: the second bound is that of being good again"),
    ("[18, 12]", "[12, 18]", "13: events.picture: moved: the second bound"),
    ("[18, 12]", "[65, 12]", "13: events.picture.moved[0]: must be"),
    ("[20, 30]", "[20, 230]", "13: events.picture: between underexposed and overexposed no picture would be good"),
    ("[[0, 0], [1, 0], [1, 1]]", "[[0, 0], [1, 1], [1, 0], [0, 1]]", "7: cameras.gate.zones.yard.polygon: its sides"),
    (
        "[[0, 0], [1, 0], [1, 1]]",
        "[[0, 0], [1, 0], [1, 1.2]]",
        "7: cameras.gate.zones.yard.polygon[2][1]: must be less",
    ),
    (
        "[[0, 0], [1, 0], [1, 1]]",
        "[[0, 0], [1, 0]]",
        "7: cameras.gate.zones.yard.polygon: the list should have at least",
    ),
    ("min_size: 0.01", "min_size: 0.5, max_size: 0.1", "7: cameras.gate.zones.yard: min_size must be at most max_size"),
    ("after_s: 2", "after: 2", "7: cameras.gate.zones.yard.after: unknown key, did you mean after_s?"),
    ("to: [0.8, 0.5]", "to: [0.2, 0.5]", "8: cameras.gate.lines.door: the line has no length"),
    ("from: [0.2, 0.5]", "start: [0.2, 0.5]", "8: cameras.gate.lines.door.from: is missing"),
    ("[0.1, 0.1]]", "[0.1, 0]]", "10: cameras.gate.masks[0]: corners 2 and 3 are the same point"),
    ("lost_s: 4", "silence_s: 45", "13: events.objects.silence_s: must be at least twice gate.refresh_s"),
    ("lost_s: 4", "lost_s: 0", "13: events.objects.lost_s: must be greater than 0"),
    ("save_s: 2", "sinks: {}", "13: events.sinks: unknown key"),
]


def test_places_of_a_camera_survive_the_way_through_the_bucket(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(CONFIG)
    camera = load_config(file).cameras["gate"]
    assert read_camera("gate", settings_of(camera, lambda secret: secret.reveal())) == camera
    assert settings_of(camera)["lines"]["door"]["from"] == [0.2, 0.5]


@pytest.mark.parametrize(("right", "wrong", "said"), WRONG, ids=[said.partition(": ")[2] for *_, said in WRONG])
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    file = tmp_path / "site.yaml"
    assert right in CONFIG
    file.write_text(CONFIG.replace(right, wrong, 1))
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert f"{file}:{said}" in str(caught.value)
