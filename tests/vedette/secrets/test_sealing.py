"""Secrets are sealed for one place with one key; a key is made once, for its owner alone."""

import base64
import stat
from pathlib import Path

import pytest

from vedette.bus.address import site_folder
from vedette.config.config import Config
from vedette.errors import ConfigError
from vedette.secrets.sealing import Sealer, Unsealable, sealer_of

KEY, OTHER = bytes(range(32)), bytes(32)
URL = "rtsp://operator:s3cret@10.0.0.5/1"


def configured(key_file: Path | None = None) -> Config:
    return Config.model_validate({"site": "plant", "gateway": {"key_file": key_file}})


def test_what_is_sealed_opens_with_its_key_at_its_place_only() -> None:
    sealed = Sealer(KEY).seal(URL, "plant.gate")
    assert Sealer(KEY).unseal(sealed, "plant.gate") == URL
    for sealer, place in ((Sealer(OTHER), "plant.gate"), (Sealer(KEY), "plant.yard"), (Sealer(KEY), "other.gate")):
        with pytest.raises(Unsealable):
            sealer.unseal(sealed, place)


def test_neither_the_text_nor_that_two_are_the_same_is_seen() -> None:
    one, two = (Sealer(KEY).seal(URL, "plant.gate") for _ in range(2))
    assert one != two
    assert b"s3cret" not in base64.b64decode(one)


@pytest.mark.parametrize("sealed", ["", "s3cret", "AAAA", "ä"])
def test_what_was_never_sealed_does_not_open(sealed: str) -> None:
    with pytest.raises(Unsealable) as caught:
        Sealer(KEY).unseal(sealed, "plant.gate")
    assert "s3cret" not in str(caught.value)


def test_digests_tell_texts_apart_and_depend_on_the_key() -> None:
    assert Sealer(KEY).digest(URL) == Sealer(KEY).digest(URL)
    assert len({Sealer(KEY).digest(URL), Sealer(KEY).digest("b"), Sealer(OTHER).digest(URL)}) == 3


def test_the_sites_key_is_made_once_and_for_its_owner_alone() -> None:
    sealed = sealer_of(configured()).seal(URL, "plant.gate")
    file = site_folder("plant") / "cameras.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert sealer_of(configured()).unseal(sealed, "plant.gate") == URL


@pytest.mark.parametrize("content", [None, "", "not base64!", base64.b64encode(b"short").decode()])
def test_a_key_that_is_configured_is_never_made_and_must_be_one(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "site.key"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=r"gateway\.key_file: .*site\.key: "):
        sealer_of(configured(file))
    assert file.exists() == (content is not None)
