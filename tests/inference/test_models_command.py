"""`vedette models` as a user runs it, with the shipped model, a real bus and a real S3 server."""

import asyncio
import json
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from inference.models_command import SUBCOMMANDS
from tests.inference.audited import audited
from tests.inference.process import CONFIG, processes_of
from tests.inference.repository.test_card import CARD
from tests.inference.worker import MODEL, ROOT
from tests.nats_server import NatsServer
from tests.s3_server import SECRET, S3Server
from tests.waiting import until
from vedette.__main__ import main

MODELS = ROOT / "models"
DETECTOR = f"coco-detector@{MODEL.version}"


class Said(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def data(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


class Command:
    """Runs `vedette models …` with one configuration a name."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def site(self, name: str, models: dict[str, Any], **more: Any) -> Path:
        file = self.folder / f"{name}.yaml"
        pipelines = {"people": {"stages": [{"model": DETECTOR}]}}
        file.write_text(json.dumps({"site": name, "models": models, "pipelines": pipelines, **more}))
        return file

    def __call__(self, subcommand: str, *words: str | Path) -> Said:
        try:
            status = main(["models", subcommand, *map(str, words)])
        except SystemExit as error:
            status = int(str(error.code))
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err
        assert SECRET not in out + err
        return Said(status, out, err)


@pytest.fixture
def models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield Command(tmp_path, capsys)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def s3_server(tmp_path: Path) -> Iterator[S3Server]:
    (tmp_path / "s3/plant").mkdir(parents=True)
    server = S3Server(tmp_path / "s3")
    server.start()
    yield server
    server.close()


def test_a_folder_is_listed_and_a_card_explained(models: Command) -> None:
    site = models.site("plant", {"path": str(MODELS)})
    rows = {(row["name"], row["version"]): row for row in models("list", site, "--json").data}
    row = rows["coco-detector", MODEL.version]
    assert row["task"] == "detection"
    assert (row["size_bytes"], row["local"], row["where"]) == (MODEL.path.stat().st_size, True, str(MODELS))
    assert re.search(rf"coco-detector +{MODEL.version} +detection +[0-9.]+ MiB +yes", models("list", site).out)
    shown = models("show", site, DETECTOR).out
    for said in (
        "label (of 80)",
        "pictures: uint8 NHWC, BGR; ",
        "score 0.2, IoU 0.6",
        "Apache-2.0",
        "mAP",
        MODEL.digest,
    ):
        assert said in shown
    labels = models("show", site, DETECTOR, "--json").data[0]["card"]["labels"]
    assert len(labels) == 80
    assert models("show", site, DETECTOR, "--labels").out.splitlines() == labels
    for name, version in rows:
        assert models("show", site, f"{name}@{version}").status == 0


def test_models_go_from_a_folder_by_s3_to_the_bucket_of_an_edge_and_serve_there(
    models: Command, nats_server: NatsServer, s3_server: S3Server
) -> None:
    cloud = models.site("cloud", {"url": "s3://plant/models", "options": s3_server.options})
    edge = models.site("edge", {"bucket": "vedette-models"}, nats={"url": nats_server.url})
    assert models("list", edge).out == "the bucket vedette-models on the bus\nno models\n"
    assert models("pull", cloud, "--from", MODELS).out.endswith(f"copied from {MODELS}\n")
    assert "is in nats:vedette-models: copied from s3://plant/models" in models("pull", edge, "--from", cloud).out
    assert "was there already" in models("pull", edge, DETECTOR, "--from", "nats:vedette-models").out
    edge = models.site("other", {"bucket": "vedette-models"}, nats={"url": nats_server.url})  # with a cache of its own
    before = models("list", edge, "--json").data[0]
    assert (before["size_bytes"], before["where"], before["local"]) == (
        MODEL.path.stat().st_size,
        "nats:vedette-models",
        False,
    )
    pulled = models("pull", edge, "--json").data[0]
    assert Path(pulled["path"]).read_bytes() == MODEL.read()
    assert models("list", edge, "--json").data[0]["local"]
    assert audited(nats_server, "edge") == [("vedette models pull", DETECTOR)]
    nats_server.kill()
    assert "offline: " in models("list", edge).out
    assert models("pull", edge, "--json").data[0]["offline"]


async def test_an_inference_process_waits_for_its_model_and_takes_it_out_of_a_bucket(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    text = (CONFIG % nats_server.port).replace(f"{{path: {MODELS}}}", "{bucket: vedette-models}")
    site = tmp_path / "site.yaml"
    site.write_text(text)
    with processes_of(tmp_path, nats_server.port) as processes:
        process = processes.start(text)
        await until(
            lambda: "has no model 'coco-detector'; there are: none; waiting for it" in process.text, "empty", 60
        )
        pulling = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "vedette", "models", "pull", str(site), "--from", str(MODELS)), cwd=ROOT
        )
        assert await pulling.wait() == 0
        await process.until_ready()
    cached = list((tmp_path / "state/plant-1/models/files").glob("*.onnx"))
    assert [f"sha256:{file.stem}" for file in cached] == [MODEL.digest]


def test_what_is_not_there_or_wrong_is_said_in_a_line(models: Command, tmp_path: Path, nats_server: NatsServer) -> None:
    folder = models.site("plant", {"path": str(tmp_path / "models")})
    bucket = models.site("edge", {"bucket": "vedette-models"}, nats={"url": "nats://127.0.0.1:1"})
    assert models("show", folder, "face")[::2] == (
        2,
        f"vedette: {tmp_path}/models has no model 'face'; there are: none\n",
    )
    assert "is no model reference" in models("show", folder, "../etc").err
    assert models("pull", folder, "face", "--from", "no thing://x").status == 2
    nowhere = models("pull", folder, "face", "--from", str(tmp_path / "nowhere"))
    assert (nowhere.status, nowhere.err) == (2, f"vedette: --from: {tmp_path / 'nowhere'}: no such folder\n")
    said = models("list", bucket)
    assert (said.status, said.out) == (1, "")
    assert said.err.splitlines()[-1].startswith("vedette: nats:vedette-models: nats://127.0.0.1:1: ")


def test_a_card_that_cannot_be_used_does_not_hide_the_others(models: Command, tmp_path: Path) -> None:
    for name, text in (("small", CARD), ("wrong", CARD.replace("pad: 0", "pad: 999"))):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "model.yaml").write_text(text)
    said = models("list", models.site("plant", {"path": str(tmp_path / "models")}), "--json")
    assert said.status == 1
    assert [(row["name"], "refused" in row) for row in said.data] == [("small", False), ("wrong", True)]
    assert "wrong/model.yaml: name: " in said.data[1]["refused"] or "input.pad" in said.data[1]["refused"]


def test_removing_asks_first_and_keeps_the_last_version(
    models: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = models.site("plant", {"path": str(tmp_path / "models")})
    models("pull", site, "--from", MODELS)
    assert "--yes is needed" in models("remove", site, DETECTOR).err
    assert "in full" in models("remove", site, "coco-detector@1", "--yes").err
    assert "NAME alone" in models("remove", site, DETECTOR, "--all").err
    assert "last version" in models("remove", site, DETECTOR, "--yes").err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: "no")
    said = models("remove", site, "coco-detector", "--all")
    assert (said.status, said.out) == (1, f"The pipeline people uses {DETECTOR}.\n")
    monkeypatch.setattr("builtins.input", lambda question: "yes")
    assert models("remove", site, "coco-detector", "--all").status == 0
    assert models("list", site).out == f"{tmp_path}/models\nno models\n"


@pytest.mark.parametrize("subcommand", sorted(SUBCOMMANDS))
def test_every_subcommand_explains_itself_with_an_example(models: Command, subcommand: str) -> None:
    said = models(subcommand, "--help")
    assert said.status == 0
    usage, _, rest = said.out.partition("\n\n")
    assert usage.startswith(f"usage: vedette models {subcommand} ")
    assert f"vedette models {subcommand} " in rest
