"""`vedette check` finds what a start would stumble over, and says where it stands in the file."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MODELS = Path(__file__).parents[3] / "models"
SITE = """\
site: plant-1
cameras:
  gate: {{url: {video}, pipeline: people}}
simulator:
  videos:
    - {video}
pipelines:
  people:
    stages:
      - confidence: 0.4
        model: {model}
models: {{path: {models}}}
"""


def vedette(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vedette", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=50)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "site.yaml"


def written(file: Path, model: str = "coco-detector@^1", video: str = "street.mp4", models: Path = MODELS) -> Path:
    file.write_text(SITE.format(model=model, video=video, models=models))
    (file.parent / "street.mp4").touch()
    return file


def test_a_configuration_whose_models_and_videos_are_there_is_good(file: Path) -> None:
    done = vedette("check", written(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert "is good" in done.stdout
    assert "serving    http://127.0.0.1:8000, no tokens" in done.stdout


def test_a_reader_that_has_enough_is_no_traceback(file: Path) -> None:
    command = [sys.executable, "-m", "vedette", "check", str(written(file))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(50) == 1


@pytest.mark.parametrize("command", ["check", "up"])
@pytest.mark.parametrize("model", ["cocodetector", "coco-detector@^7"])
def test_a_model_that_is_not_in_the_repository_is_said_with_its_line(file: Path, model: str, command: str) -> None:
    done = vedette(command, written(file, model=model))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"{file}:11: pipelines.people.stages[0].model: ")
    assert done.stderr.count("\n") == 1
    assert "coco-detector" in done.stderr


def test_a_model_whose_file_is_missing_is_said(file: Path, tmp_path: Path) -> None:
    (tmp_path / "models" / "coco-detector").mkdir(parents=True)
    shutil.copy(MODELS / "coco-detector" / "model.yaml", tmp_path / "models" / "coco-detector")
    done = vedette("check", written(file, models=tmp_path / "models"))
    assert done.returncode == 2
    assert "model.onnx: no such file" in done.stderr


def test_videos_that_are_missing_are_said_with_their_lines(file: Path, tmp_path: Path) -> None:
    done = vedette("check", written(file, video="nowhere.mp4"))
    missing = tmp_path / "nowhere.mp4"
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"{file}:3: cameras.gate.url: {missing}: no such file",
        f"{file}:6: simulator.videos[0]: {missing}: no such file",
    ]


def test_every_command_has_a_line_of_its_own_in_the_help() -> None:
    lines = vedette("--help").stdout.splitlines()
    assert [line.split()[:2] for line in lines if line.strip().startswith("inference")] == [["inference", "run"]]


def test_places_and_how_long_events_are_kept_are_said(file: Path) -> None:
    written(file)
    zones = "zones: {yard: {polygon: [[0, 0], [1, 0], [1, 1]], labels: [person], after_s: 2}}"
    lines = "lines: {door: {from: [0.2, 0.5], to: [0.8, 0.5], right: in, left: out}}"
    places = f"pipeline: people, {zones}, {lines}, masks: [[[0, 0], [0.1, 0], [0.1, 0.1]]]}}"
    file.write_text(file.read_text().replace("pipeline: people}", places) + "retention: {events_gib: 1}\n")
    said = vedette("check", file).stdout
    assert "zone yard: 3 corners, person, after 2 s\n" in said
    assert "line door: (0.2, 0.5) to (0.8, 0.5), in to its right, out to its left, all labels\n" in said
    assert "mask: 3 corners, all labels\n" in said
    assert "snapshots  objects cut out, and the whole pictures; 30 days, or 10 GiB: some 70,000 objects" in said
    assert "events 7 days, or 3.55 days (1 GiB) if 2.5 things happen a second before every camera\n" in said


@pytest.mark.parametrize("model", ["face-embedding", "face-liveness"])
def test_a_pipeline_that_begins_with_a_model_that_finds_nothing_is_said(file: Path, model: str) -> None:
    done = vedette("check", written(file, model=f"{model}@^1"))
    assert done.returncode == 2
    assert done.stderr.startswith(f"{file}:11: pipelines.people.stages[0].model: {model} is for ")
    assert done.stderr.endswith("and a pipeline begins with a model for detection\n")
    assert done.stderr.count("\n") == 1
