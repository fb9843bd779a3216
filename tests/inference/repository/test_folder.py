import hashlib
from pathlib import Path

import pytest

from inference.errors import ModelError
from inference.repository.folder import Repository
from tests.inference.nanodet_reference import ROOT
from tests.inference.repository.test_card import CARD

GRAPH = b"not a graph, but bytes with a digest"
VERSIONS = ("0.2.3", "0.3.0", "1.0.0", "1.2.0", "1.2.5", "1.10.0", "2.0.0")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Models `small`, in every version, and `other`."""
    digest = hashlib.sha256(GRAPH).hexdigest()
    for name, versions in (("small", VERSIONS), ("other", ("1.0.0",))):
        releases = "".join(f"  {v}: {{sha256: {digest}, origin: here, licence: MIT}}\n" for v in versions)
        head = CARD.split("  1.0.0:")[0].replace("name: small", f"name: {name}")
        for version in versions:
            folder = tmp_path / name / version
            folder.mkdir(parents=True)
            (folder / "model.onnx").write_bytes(GRAPH)
        (tmp_path / name / "model.yaml").write_text(head + releases)
    return Repository(tmp_path)


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        ("small", "2.0.0"),
        ("small@1", "1.10.0"),
        ("small@1.2", "1.2.5"),
        ("small@1.2.0", "1.2.0"),
        ("small@^1", "1.10.0"),
        ("small@^1.2", "1.10.0"),
        ("small@^1.2.1", "1.10.0"),
        ("small@^0.2", "0.2.3"),
        ("small@^0", "0.3.0"),
        ("small@^2.0.0", "2.0.0"),
    ],
)
def test_a_reference_finds_the_newest_version_that_fits(repository: Repository, reference: str, version: str) -> None:
    model = repository.resolve(reference)
    assert (model.card.name, model.version) == ("small", version)
    assert model.path == repository.path / "small" / version / "model.onnx"
    assert model.digest == f"sha256:{hashlib.sha256(GRAPH).hexdigest()}"
    assert model.read() == GRAPH


@pytest.mark.parametrize("reference", ["small@3", "small@^2.0.1", "small@1.2.9", "small@^0.2.4", "small@^3"])
def test_a_version_that_is_not_there_lists_those_that_are(repository: Repository, reference: str) -> None:
    with pytest.raises(ModelError, match=r"0\.2\.3, 0\.3\.0, 1\.0\.0, 1\.2\.0, 1\.2\.5, 1\.10\.0, 2\.0\.0"):
        repository.resolve(reference)


def test_a_model_that_is_not_there_lists_those_that_are(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model 'face'; there are: other, small"):
        repository.resolve("face@^1")
    with pytest.raises(ModelError, match="there are: none"):
        Repository(tmp_path / "nowhere").resolve("face")


@pytest.mark.parametrize(
    "reference",
    [
        *("", "@1", "small@", "small@latest", "small@^", "small@~1", "small@1.0.0.0", "small@1.0.0-rc1", "small@01"),
        *("../small", "small/../other", "/etc", "Small", "small\n", "small@1\n", "small@^1 ", "-x", "a" * 64, "é"),
        *("small@../../etc", "small\0", "small@" + "9" * 5000),
    ],
)
def test_what_is_no_reference_never_reaches_the_file_system(repository: Repository, reference: str) -> None:
    with pytest.raises(ModelError, match="is no model reference"):
        repository.resolve(reference)
    with pytest.raises(ModelError):
        repository.card(reference)


def test_a_file_that_is_not_the_one_of_the_card_is_refused_with_both_digests(repository: Repository) -> None:
    model = repository.resolve("small@1.0.0")
    model.path.write_bytes(GRAPH + b"!")
    with pytest.raises(ModelError) as caught:
        model.read()
    assert model.digest in str(caught.value)
    assert f"sha256:{hashlib.sha256(GRAPH + b'!').hexdigest()}" in str(caught.value)


def test_a_missing_file_is_named(repository: Repository) -> None:
    model = repository.resolve("other")
    model.path.unlink()
    with pytest.raises(ModelError, match=r"other/1\.0\.0/model\.onnx: No such file"):
        model.read()


def test_a_card_in_the_folder_of_another_is_refused(repository: Repository) -> None:
    (repository.path / "small").rename(repository.path / "renamed")
    with pytest.raises(ModelError, match="name: it is 'small', but the folder is 'renamed'"):
        repository.resolve("renamed")


def test_only_folders_with_a_card_and_a_proper_name_are_models(repository: Repository) -> None:
    (repository.path / "build").mkdir()
    (repository.path / "UPPER").mkdir()
    (repository.path / "UPPER/model.yaml").write_text(CARD)
    assert repository.names() == ["other", "small"]


def test_the_shipped_detector_is_what_its_card_says() -> None:
    model = Repository(ROOT / "models").resolve("coco-detector@^1")
    assert len(model.read()) > 1_000_000
