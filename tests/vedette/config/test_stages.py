"""Stages of a cascade in a configuration file: what is read, and what contradicts itself."""

from pathlib import Path

import pytest

from vedette.commands.check import explanation
from vedette.config.config import Config
from vedette.config.file import load_config
from vedette.errors import ConfigError

ACCESS = """\
pipelines:
  people: {stages: [{model: coco-detector}]}
  access:
    frame: {width: 1280}
    stages:
      - {model: face-detector@^1, confidence: 0.7}
      - {model: face-liveness@^1, on: face, as: alive}
      - {model: face-embedding@^1, on: [face]}
      - {identities: staff, on: face}
"""


def read(tmp_path: Path, text: str) -> Config:
    file = tmp_path / "site.yaml"
    file.write_text(text)
    return load_config(file)


def test_a_cascade_is_read_and_explained(tmp_path: Path) -> None:
    config = read(tmp_path, ACCESS)
    access = config.pipelines["access"]
    assert [stage.on for stage in access.stages] == [None, ("face",), ("face",), ("face",)]
    assert [stage.name for stage in access.further] == ["alive", "face-embedding", "staff"]
    assert config.model_names() == ("coco-detector", "face-detector", "face-liveness", "face-embedding")
    lines = explanation(config).splitlines()
    assert "           on face: crops → face-liveness@^1 (all labels) as alive" in lines
    assert "           on face: → name and similarity, of the identities staff" in lines
    assert "services   coco-detector, face-detector, face-liveness, face-embedding" in lines


@pytest.mark.parametrize(
    ("stages", "key", "text"),
    [
        ("{model: m, on: face}", "[0].on", "the first sees the whole frame"),
        ("{model: m, as: live}", "[0].as", "is for later stages"),
        ("{identities: staff, on: face}", "[0].identities", "can't be the first stage"),
        ("{model: m}, {model: n}", "[1].on", "is missing"),
        ("{model: m}, {model: n, on: []}", "[1].on", "at least 1"),
        ("{model: m}, {model: n, on: [a, a]}", "[1].on", "twice"),
        ("{model: m}, {model: n, on: a}, {model: n, on: b}", "[2]", "has the name n of stages[1]"),
        ("{model: m}, {model: n, on: a, as: name}", "[1].as", "identities stage sets"),
        ("{model: m}, {model: n, on: a}, {identities: staff, on: b}", "[2].on", "no stage before this one has on: b"),
        ("{model: m}, {identities: staff, on: face}", "[1].on", "need an embedding"),
        (
            "{model: m}, {model: n, on: a}, {identities: one, on: a}, {identities: two, on: a}",
            "[3].identities",
            "one identities stage at most",
        ),
        ("{model: m}, {identities: staff}", "[1].on", "is missing"),
        ("{model: m}, {on: face}", "[1].model", "is missing"),
        (", ".join(f"{{model: m{n}}}" for n in range(9)), "", "more than 8 stages"),
    ],
)
def test_stages_that_contradict_themselves_are_refused_with_their_place(
    tmp_path: Path, stages: str, key: str, text: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, f"pipelines:\n  p:\n    stages: [{stages}]\n")
    lines = str(refused.value).splitlines()
    assert any(f": pipelines.p.stages{key}: " in line and text in line for line in lines), lines


def test_frames_of_a_cascade_may_not_wait_longer_than_their_cameras_token_lives(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"inference\.budget_ms.*4000 at most where a pipeline has several stages"):
        read(tmp_path, f"inference: {{budget_ms: 4001}}\n{ACCESS}")
    assert read(tmp_path, f"inference: {{budget_ms: 4000}}\n{ACCESS}").inference.budget_ms == 4000
    read(tmp_path, "inference: {budget_ms: 60000}\npipelines:\n  people: {stages: [{model: coco-detector}]}\n")
