"""`vedette models add`, `build` and `verify` as a user runs them."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from inference.repository.card import ModelCard
from inference.repository.folder import Repository
from tests.inference.build.known_heads import CASES, built, run
from tests.inference.build.networks import network, pictures
from tests.inference.nanodet_reference import ROOT
from vedette.__main__ import main

YOLO = CASES["yolov8"].outputs
NAMES = {"names": "{0: 'person', 1: 'car', 2: 'dog'}"}


class Said(NamedTuple):
    status: int
    out: str
    err: str


class Command:
    """Runs `vedette models …` with a repository of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.repository = folder / "models"
        self.repository.mkdir()
        self.site = folder / "site.yaml"
        self.site.write_text(json.dumps({"site": "plant", "models": {"path": "models"}, "pipelines": {}}))
        self._capsys = capsys

    def __call__(self, subcommand: str, *words: str | Path) -> Said:
        try:
            status = main(["models", subcommand, str(self.site), *map(str, words)])
        except SystemExit as error:
            status = int(str(error.code))
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err
        return Said(status, out, err)

    def file(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def labels(self, *names: str) -> Path:
        return self.file("labels.txt", "".join(f"{name}\n" for name in names).encode())

    @property
    def entered(self) -> list[str]:
        return sorted(str(path.relative_to(self.repository)) for path in self.repository.rglob("*") if path.is_file())


@pytest.fixture
def models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield Command(tmp_path, capsys)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_raw_file_becomes_a_model_that_is_found_verified_and_built_again(models: Command) -> None:
    raw = models.file("yolo.onnx", network(YOLO, metadata=NAMES))
    said = models("add", raw, "--name", "yard", "--score", "0.3", "--iou", "0.5", "--deviation", "1", "--json")
    assert said.status == 0, said.err
    told = json.loads(said.out)
    assert told["file"]["outputs"] == ["output0 float32 [N, 7, 84]"]
    assert told["card"]["versions"]["1.0.0"]["build"]["head"] == "yolov8"
    model = Repository(models.repository).resolve("yard@^1")
    assert model.card.labels == ("person", "car", "dog")
    assert model.card.input_of("1.0.0").smallest == (64, 64)
    expected = run(built("yolov8"), pictures([1, 0]))
    for name, values in run(model.read(), pictures([1, 0])).items():
        np.testing.assert_array_equal(values, expected[name])

    said = models("verify")
    assert said.status == 0, said.out
    assert "yard" in said.out

    model.path.unlink()
    said = models("verify", "yard", "--json")
    assert said.status == 1
    assert "No such file" in json.loads(said.out)["fault"]
    assert models("build", "yard@1.0.0", raw).status == 0
    assert models("verify", "yard").status == 0


def test_what_is_missing_is_asked_for_and_nothing_is_entered(models: Command) -> None:
    unnamed = models.file("yolo.onnx", network(YOLO))
    said = models("add", unnamed, "--name", "yard")
    assert (said.status, "Pass --labels FILE" in said.err) == (2, True)
    said = models("add", unnamed, "--name", "yard", "--labels", models.labels("person", "car"))
    assert said.status == 2
    assert "yolov8: output0 has 7 values a candidate; 2 labels need 6" in said.err
    free = models.file("free.onnx", network(YOLO, height="H", width="W", metadata=NAMES))
    assert "takes pictures of any size: pass --input-size" in models("add", free, "--name", "yard").err
    said = models("add", free, "--name", "yard", "--input-size", "3x")
    assert "must be 640, the longest side, or 480x640" in said.err
    assert "--version: Yard" not in said.err
    assert "--name: must be lower case letters" in models("add", free, "--name", "Yard", "--input-size", "64x64").err
    assert "--version: must be three numbers" in models("add", free, "--name", "yard", "--version", "1").err
    assert models.entered == []


def test_a_hostile_file_is_refused_and_nothing_is_entered(models: Command) -> None:
    whole = network(YOLO, metadata=NAMES)
    said = models("add", models.file("cut.onnx", whole[:-100]), "--name", "yard")
    assert said.status == 2
    assert "cut.onnx: cut off" in said.err
    said = models("add", models.folder / "missing.onnx", "--name", "yard")
    assert "missing.onnx: No such file" in said.err
    assert models.entered == []


def test_another_version_shares_the_card_of_the_first(models: Command) -> None:
    first = models.file("first.onnx", network(YOLO, metadata=NAMES))
    second = models.file("second.onnx", network({"output0": YOLO["output0"][::-1].copy()}))
    assert models("add", first, "--name", "yard", "--score", "0.3").status == 0
    card = models.repository / "yard/model.yaml"
    card.write_text(f"# ours\n{card.read_text()}")
    again = models("add", first, "--name", "yard")
    assert (again.status, "yard has 1.0.0 already" in again.err) == (2, True)
    said = models("add", second, "--name", "yard", "--version", "1.1.0", "--score", "0.5")
    assert said.status == 2
    assert "thresholds: what holds for all versions is not the same" in said.err
    said = models("add", second, "--name", "yard", "--version", "1.1.0", "--colour", "BGR")
    assert said.status == 0, said.err
    assert card.read_text().startswith("# ours\n")
    both = ModelCard.load(card)
    assert sorted(both.versions) == ["1.0.0", "1.1.0"]
    assert (both.input_of("1.0.0").colour, both.input_of("1.1.0").colour) == ("RGB", "BGR")
    assert models("verify").status == 0


def test_tensors_are_served_as_they_are(models: Command) -> None:
    raw = models.file("any.onnx", network(YOLO))
    assert models("add", raw, "--name", "any", "--task", "tensor").status == 0
    model = Repository(models.repository).resolve("any")
    assert model.read() == raw.read_bytes()
    assert (model.card.task, model.card.input, model.card.labels) == ("tensor", None, ())
    assert models("verify", "any").status == 0


def test_a_graph_that_is_finished_already_is_entered_as_it_is(models: Command) -> None:
    file = ROOT / "models/face-detector/1.0.0/model.onnx"
    words: list[str | Path] = [file, "--name", "faces", "--labels", models.labels("face"), "--input-size", "640"]
    assert "pass --colour" in models("add", *words).err
    assert "pass --score and --iou" in models("add", *words, "--colour", "BGR").err
    said = models("add", *words, "--colour", "BGR", "--score", "0.6", "--iou", "0.3", "--anchor", "top-left")
    assert said.status == 0, said.err
    assert Repository(models.repository).resolve("faces").read() == file.read_bytes()


def test_a_network_of_one_picture_is_served_without_batches(models: Command) -> None:
    raw = models.file("one.onnx", network({"output0": YOLO["output0"][:1]}, batch=1, metadata=NAMES))
    said = models("add", raw, "--name", "yard", "--batch", "4")
    assert "--batch: the file takes one picture at a time" in said.err
    said = models("add", raw, "--name", "yard", "--deviation", "255")
    assert said.status == 0, said.err
    assert "takes one picture at a time" in said.out
    assert Repository(models.repository).resolve("yard").card.batch.max == 1


def test_a_network_that_mixes_the_pictures_of_a_batch_is_refused(models: Command) -> None:
    import onnx

    mixed = onnx.load_from_string(network({"out": np.random.default_rng(1).normal(size=(256, 5)).astype("f")}))
    last = mixed.graph.node[-1]
    last.output[0] = "each"
    mixed.graph.node.append(onnx.helper.make_node("CumSum", ["each", "place"], ["out"]))
    raw = models.file("mixed.onnx", mixed.SerializeToString())
    said = models("add", raw, "--name", "yard", "--head", "embedding", "--colour", "RGB")
    assert said.status == 2
    assert "embeddings of a batch differs from its pictures' alone" in said.err
    assert models.entered == []


def test_verify_tells_every_fault(models: Command) -> None:
    for name in ("face-detector", "face-liveness"):
        shutil.copytree(ROOT / f"models/{name}", models.repository / name)
    changed = models.repository / "face-detector/1.0.0/model.onnx"
    changed.chmod(0o644)
    changed.write_bytes(changed.read_bytes()[:-1])
    card = models.repository / "face-liveness/model.yaml"
    card.write_text(card.read_text().replace("[live, not live 1, not live 2]", "[live, other]"))
    (models.repository / "broken").mkdir()
    (models.repository / "broken/model.yaml").write_text("name: broken")
    said = models("verify", "--json")
    assert said.status == 1
    faults: dict[str, Any] = {row["name"]: row["fault"] for row in map(json.loads, said.out.splitlines())}
    assert "its sha256 is" in faults["face-detector"]
    assert "scores came out as [1, 3], not [1, 2]" in faults["face-liveness"]
    assert "task: Field required" in faults["broken"]
    assert "nothing" in models("verify", "nothing").err


def test_another_raw_file_than_the_cards_builds_nothing(models: Command) -> None:
    raw = models.file("yolo.onnx", network(YOLO, metadata=NAMES))
    other = models.file("other.onnx", network({"output0": YOLO["output0"][::-1].copy()}, metadata=NAMES))
    assert models("add", raw, "--name", "yard").status == 0
    said = models("build", "yard", other)
    assert said.status == 2
    assert "other.onnx: its sha256 is" in said.err
    card = models.repository / "yard/model.yaml"
    card.write_text(card.read_text().replace("score: 0.25", "score: 0.35"))
    said = models("build", "yard", raw, "--output", models.folder / "out.onnx")
    assert said.status == 1
    assert "the card says" in said.err
    assert (models.folder / "out.onnx").exists()
