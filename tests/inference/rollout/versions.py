"""A repository of several versions of the real detector, that differ in their digests alone."""

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from inference.repository.folder_store import FolderStore
from inference.repository.repository import ModelRepository
from inference.rollout.available import AvailableVersions
from inference.rollout.plan import Bounds
from tests.inference.worker import ROOT

NAME = "coco-detector"
_YAML = YAML(typ="safe", pure=True)


class TestRepository:
    """`models/` of a test, edited as an operator does: files first, then the card."""

    __test__ = False

    def __init__(self, folder: Path, versions: Iterable[str] = ("1.0.0",)) -> None:
        self.folder = folder
        (folder / NAME).mkdir(parents=True)
        self._graph = (ROOT / f"models/{NAME}/1.0.0/model.onnx").read_bytes()
        self._card: dict[str, Any] = _YAML.load((ROOT / f"models/{NAME}/model.yaml").read_text())
        self._release = self._card["versions"]["1.0.0"]
        self._card["versions"] = {}
        self.add(*versions)

    def add(self, *versions: str, graph: bytes | None = None) -> None:
        """Versions that say another producer; or of another graph, as bytes."""
        for version in versions:
            data = self.graph_of(version) if graph is None else graph
            self.write_file(version, data)
            self._card["versions"][version] = {**self._release, "sha256": hashlib.sha256(data).hexdigest()}
        self._write_card()

    def add_without_file(self, version: str) -> None:
        """The card names it, its file is still to come."""
        digest = hashlib.sha256(self.graph_of(version)).hexdigest()
        self._card["versions"][version] = {**self._release, "sha256": digest}
        self._write_card()

    def write_file(self, version: str, data: bytes) -> None:
        path = self.folder / NAME / version / "model.onnx"
        path.parent.mkdir(exist_ok=True)
        draft = path.with_suffix(".incoming")
        draft.write_bytes(data)
        draft.replace(path)

    def remove(self, version: str) -> None:
        del self._card["versions"][version]
        self._write_card()
        shutil.rmtree(self.folder / NAME / version)

    def roll_out(self, rollout: Mapping[str, Any] | None) -> None:
        """The card's own roll-out."""
        self._card["rollout"] = rollout
        if rollout is None:
            del self._card["rollout"]
        self._write_card()

    def graph_of(self, version: str) -> bytes:
        """Field 2 of an ONNX ModelProto is the producer's name; the last one in the file is the one that counts."""
        name = f"test {version}".encode()
        return self._graph + bytes([0x12, len(name)]) + name

    def _write_card(self) -> None:
        path = self.folder / NAME / "model.yaml"
        draft = path.with_suffix(".incoming")
        with draft.open("w") as file:
            _YAML.dump(self._card, file)
        draft.replace(path)

    def available(self, **references: str) -> AvailableVersions:
        """As a process of these pipelines sees it; by default of one that asks for ^1."""
        bounds = Bounds(NAME, references or {"people": f"{NAME}@^1"})
        return AvailableVersions(ModelRepository(FolderStore(self.folder), None), bounds)


NOT_ONNX = b"this is no graph"
