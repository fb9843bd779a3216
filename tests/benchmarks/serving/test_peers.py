"""The same work for all: what the peers do to a picture, what they are asked, and what is installed for them."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.serving import models
from benchmarks.serving.answers import scores
from benchmarks.serving.environments import REQUIREMENTS, versions
from benchmarks.serving.servers import Answer
from benchmarks.serving.starts import ENTRIES, PEERS
from benchmarks.serving.targets import TARGETS, UNBATCHED
from benchmarks.serving.wire import v2_base64, v2_binary, v2_bytes
from inference.preprocess import fill, jpeg_size, place
from inference.repository.folder import Repository

SCORES = np.arange(models.CLASSES, dtype=np.float32)


def test_vedette_loads_the_models_and_the_peers_prepare_a_picture_as_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = models.write_repository(tmp_path)
    jpeg = models.picture()
    monkeypatch.syspath_prepend(str(ENTRIES))
    from work import Work, detections

    for served in (tiny, models.NANODET):
        model = Repository(tmp_path).resolve(served.name)
        for name, value in (("MODEL", served.path), ("SIZE", served.size), ("MULTIPLE", served.multiple)):
            monkeypatch.setenv(name, str(value))
        work = Work()
        placement = place(*jpeg_size(jpeg), model.card.input_of(model.version))
        slot = np.empty((placement.input_height, placement.input_width, 3), np.uint8)
        fill(slot, jpeg, placement)
        assert slot.shape == (served.size, served.size, 3), "NanoDet at its full square"
        np.testing.assert_array_equal(work.picture(jpeg), slot)
        found = detections(work.run(np.stack([slot, slot])), 1)
        assert found["scores"], "somebody walks in the picture"
        with pytest.raises(ValueError, match="JPEG"):
            work.picture(jpeg[:300])


def binary(tensors: list[tuple[str, str, bytes]]) -> Answer:
    outputs = [{"name": n, "datatype": d, "parameters": {"binary_data_size": len(t)}} for n, d, t in tensors]
    header = json.dumps({"outputs": outputs}).encode()
    body = header + b"".join(tensor for *_, tensor in tensors)
    return Answer(200, body, {"inference-header-content-length": str(len(header))})


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, SCORES.tobytes(), {"content-type": "application/octet-stream"}),
        Answer(
            200,
            json.dumps({"outputs": [{"name": "scores", "data": SCORES.tolist()}]}).encode(),
            {"content-type": "application/json"},
        ),
        binary([("counts", "INT64", b"12345678"), ("scores", "FP32", SCORES.tobytes())]),
    ],
    ids=["plain", "json", "binary"],
)
def test_scores_are_found_however_they_come(answer: Answer) -> None:
    np.testing.assert_array_equal(scores(answer), SCORES)


def test_requests_say_how_long_they_are() -> None:
    for request in (
        v2_binary("m", "x", "UINT8", [1, 3], b"abc"),
        v2_bytes("m", "x", b"abc"),
        v2_base64("m", "x", b"abc"),
    ):
        head, _, body = request.partition(b"\r\n\r\n")
        fields = dict(line.split(": ") for line in head.decode().split("\r\n")[1:])
        assert int(fields["Content-Length"]) == len(body)
        json_size = int(fields.get("Inference-Header-Content-Length", len(body)))
        tensor = json.loads(body[:json_size])["inputs"][0]
        if "Inference-Header-Content-Length" in fields:
            assert tensor["parameters"]["binary_data_size"] == len(body) - json_size


def test_every_peer_is_pinned_to_one_runtime() -> None:
    for peer in PEERS:
        lines = (REQUIREMENTS / f"{peer.name}.txt").read_text().split()
        assert all("==" in line for line in lines)
        assert versions(peer.name)["onnxruntime"] == "1.31.1"
    assert len({target.name for target in (*TARGETS, *UNBATCHED)}) == len(TARGETS) + len(UNBATCHED)
