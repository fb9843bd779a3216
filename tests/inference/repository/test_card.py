from pathlib import Path

import pytest
from pydantic import ValidationError

from inference.errors import ModelError
from inference.repository.card import MAX_CARD_BYTES, ModelCard
from tests.inference.nanodet_reference import ROOT

CARD = """
name: small
task: detection
labels: [person, car]
input: {size: 416, multiple: 32, layout: NHWC, colour: BGR, pad: 0}
thresholds: {score: 0.2, iou: 0.6}
batch: {max: 8, max_delay_ms: 5}
versions:
  1.0.0: {sha256: SHA, origin: somewhere, licence: Apache-2.0}
""".replace("SHA", "ab" * 32)


def load(folder: Path, text: str | bytes) -> ModelCard:
    path = folder / "model.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return ModelCard.load(path)


def test_every_shipped_card_loads() -> None:
    cards = [ModelCard.load(path) for path in sorted((ROOT / "models").glob("*/model.yaml"))]
    assert "coco-detector" in [card.name for card in cards]


def test_the_detector_card_names_the_80_classes_of_coco_in_order() -> None:
    labels = ModelCard.load(ROOT / "models/coco-detector/model.yaml").labels
    assert len(labels) == 80
    assert [labels[i] for i in (0, 2, 5, 9, 14, 79)] == ["person", "car", "bus", "traffic light", "bird", "toothbrush"]


def test_a_card_cannot_be_changed(tmp_path: Path) -> None:
    card = load(tmp_path, CARD)
    with pytest.raises(ValidationError, match="frozen"):
        card.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("name: small", "name: ../../etc", "name"),
        ("name: small", "name: Small", "name"),
        ("name: small", 'name: "small\\n"', "name"),
        ("name: small", f"name: {'a' * 64}", "name"),
        ("task: detection", "task: segmentation", "task"),
        ("[person, car]", "[]", "labels"),
        ("[person, car]", "[person, person]", "named twice: person"),
        ("[person, car]", '[person, "car\\n"]', "labels.1"),
        ("size: 416", "size: 400", "input: size 400 is not a multiple of 32"),
        ("size: 416", "size: 1e9", "input.size"),
        ("multiple: 32", "multiple: 0", "input.multiple"),
        ("size: 416, multiple: 32", "size: 416, multiple: 32, height: 416, width: 416", "input: either size"),
        ("size: 416, multiple: 32, ", "", "input: either size"),
        ("size: 416, multiple: 32", "height: 416", "input: height and width need each other"),
        ("size: 416,", "height: 416, width: 416,", "input: multiple is for inputs of a free size"),
        ("pad: 0", "pad: 0, fit: crop", "input: fit crop needs height and width"),
        ("pad: 0", "pad: 0, fit: squeeze", "input.fit"),
        ("pad: 0", "pad: 0, anchor: left", "input.anchor"),
        ("colour: BGR", "colour: GBR", "input.colour"),
        ("task: detection", "task: classification", "classification has no thresholds"),
        ("task: detection", "task: embedding", "embedding has no labels and no thresholds"),
        ("task: detection", "task: tensor", "tensor has no input and no labels and no thresholds"),
        ("thresholds: {score: 0.2, iou: 0.6}\n", "", "detection needs thresholds"),
        ("licence: Apache-2.0", "licence: x, build: {head: yunet}", "versions.1.0.0.build.sha256"),
        ("licence: Apache-2.0", f"licence: x, build: {{head: ../x, sha256: {'0' * 64}}}", "versions.1.0.0.build.head"),
        (
            "licence: Apache-2.0",
            f"licence: x, build: {{head: x, sha256: {'0' * 64}, deviation: [1, 0, 1]}}",
            "versions.1.0.0.build.deviation: every channel's is over 0",
        ),
        ("layout: NHWC", "layout: NCHW", "input.layout"),
        ("pad: 0", "pad: 256", "input.pad"),
        ("pad: 0", "padding: 0", "input.padding"),
        ("score: 0.2", "score: 0", "thresholds.score"),
        ("score: 0.2", "score: .nan", "thresholds.score"),
        ("max: 8", "max: 0", "batch.max"),
        ("1.0.0:", "1.0:", "versions"),
        ("1.0.0:", "../1.0.0:", "versions"),
        ("1.0.0:", "01.0.0:", "versions"),
        ("sha256: ab", "sha256: xx", "versions.1.0.0.sha256"),
        ("licence: Apache-2.0", "license: Apache-2.0", "versions.1.0.0.licence"),
    ],
)
def test_a_fault_is_named_by_file_and_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    assert old in CARD
    with pytest.raises(ModelError) as caught:
        load(tmp_path, CARD.replace(old, new))
    assert str(tmp_path / "model.yaml") in str(caught.value)
    assert key in str(caught.value)


def test_a_version_may_take_other_pictures_than_the_card_says(tmp_path: Path) -> None:
    other = "input: {height: 256, width: 416, layout: NHWC, colour: RGB, fit: stretch}"
    card = load(tmp_path, CARD + f"  1.1.0: {{sha256: {'cd' * 32}, origin: x, licence: x, {other}}}\n")
    assert card.input_of("1.0.0").smallest == (32, 32)
    assert card.input_of("1.0.0").takes(256, 416)
    assert not card.input_of("1.0.0").takes(256, 417)
    assert card.input_of("1.1.0").smallest == (256, 416)
    assert card.input_of("1.1.0").takes(256, 416)
    assert not card.input_of("1.1.0").takes(416, 416)


def test_a_model_of_tensors_takes_no_pictures(tmp_path: Path) -> None:
    card = load(tmp_path, "name: small\ntask: tensor\n" + CARD[CARD.index("batch:") :])
    with pytest.raises(ModelError, match="takes tensors, not pictures"):
        card.input_of("1.0.0")


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"task: .*; .*input\.pad: "):
        load(tmp_path, CARD.replace("detection", "nothing").replace("pad: 0", "pad: -1"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "just words",
        "name: [unclosed",
        "name: a\nname: b",
        "!!python/object/apply:os.system [true]",
        b"\xff\xfe\x00",
        b"\0",
        "[" * 10_000,
        "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]",
        "x" * (MAX_CARD_BYTES + 1),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_what_is_no_card_is_refused_by_name(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(ModelError, match=r"model\.yaml"):
        load(tmp_path, text)


def test_a_missing_card_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        ModelCard.load(tmp_path / "model.yaml")
    with pytest.raises(ModelError, match="directory"):
        ModelCard.load(tmp_path)
