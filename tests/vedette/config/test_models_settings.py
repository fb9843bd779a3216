"""`models:` in the configuration: one place, and its secrets stay hidden."""

import json
from pathlib import Path

import pytest

from vedette.__main__ import main
from vedette.config.file import load_config
from vedette.config.models_settings import Models
from vedette.errors import ConfigError
from vedette.secrets.secret import revealed


def write(folder: Path, models: str) -> Path:
    file = folder / "site.yaml"
    file.write_text(f"models: {models}\n")
    return file


@pytest.mark.parametrize(
    ("models", "problem"),
    [
        ("{path: here, bucket: there}", "models: has path and bucket: a repository is in one place"),
        ('{bucket: there, url: "s3://x"}', "has bucket and url"),
        ("{options: {key: x}}", "options are of a url"),
        ("{bucket: a.b}", "models.bucket"),
        ("{url: nowhere}", "models.url: must be a URL, as in s3://bucket/prefix"),
        ('{url: "simplecache::s3://x"}', "models.url"),
        ("{cache_gib: -1}", "models.cache_gib"),
        ("{folder: x}", "models.folder"),
    ],
)
def test_what_is_wrong_is_said_with_its_key(tmp_path: Path, models: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, models))
    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}/site.yaml:1: models")


def test_a_folder_is_relative_to_the_file(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "{path: shelf}")).models.path == tmp_path / "shelf"
    assert load_config(write(tmp_path, "{}")).models.path == tmp_path / "models"


def test_options_take_secrets_and_check_shows_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("S3_KEY", "operator-1")
    (tmp_path / "secret").write_text("s3cret\n")
    options = (
        f'{{key: "${{S3_KEY}}", secret: "${{file:{tmp_path}/secret}}", client_kwargs: {{verify: false, n: [1, x]}}}}'
    )
    site = write(tmp_path, f'{{url: "s3://bucket/models", options: {options}}}')
    assert revealed(load_config(site).models.options) == {
        "key": "operator-1",
        "secret": "s3cret",
        "client_kwargs": {"verify": False, "n": [1, "x"]},
    }
    assert "s3cret" not in repr(load_config(site))
    assert main(["check", str(site), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["models"]
    assert shown["options"] == {"key": "***", "secret": "***", "client_kwargs": {"verify": False, "n": [1, "***"]}}
    assert main(["check", str(site)]) == 0
    out = capsys.readouterr().out
    assert "s3://bucket/models" in out
    assert "operator-1" not in out


def test_what_the_settings_say_of_the_place() -> None:
    assert Models(bucket="x").where == "the bucket x on the bus"
    assert Models.model_validate({"url": "s3://operator:s3cret@host/x"}).where == "s3://***@host/x"
