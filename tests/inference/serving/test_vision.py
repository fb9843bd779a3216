"""Pictures in, JSON out: over real HTTP, with real small models."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from inference.repository.folder import Repository
from inference.repository.model import Model
from tests.inference.guard.pictures import Image, jpeg, png, webp
from tests.inference.serving.edge import Served, colours, edge, versions_of
from tests.inference.worker import MODEL, ROOT, jpegs
from tests.waiting import until

DETECT = "/v1/models/colours:detect"


def plain(blue: int, green: int, red: int, width: int = 8, height: int = 8) -> Image:
    return np.zeros((height, width, 3), np.uint8) + np.array([blue, green, red], np.uint8)


RED, GREEN = plain(10, 20, 200), plain(10, 200, 20)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with edge(colours(tmp_path)) as served:
        yield served


def best(result: dict[str, Any]) -> str:
    return str(result["classes"][0]["label"])


@pytest.mark.parametrize("make", [jpeg, png, webp])
async def test_a_picture_of_each_format_is_answered(served: Served, make: Callable[[Image], bytes]) -> None:
    answer = await served.post(DETECT, make(RED))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    found = answer.json
    model = served.plane.stable.model
    assert found["model"] == {"name": "colours", "version": "1.0.0", "digest": model.digest}
    assert [entry["label"] for entry in found["classes"]] == ["red", "green", "blue"]
    assert found["classes"][0]["confidence"] == pytest.approx(200, abs=2)
    assert found["picture"] == {"width": 8, "height": 8}
    assert found["timing"].keys() == {"prepare_ms", "queue_ms", "infer_ms", "batch_size"}
    assert "input" not in found


@pytest.mark.parametrize("path", ["/api/v1/detect", "/v1/models/colours/versions/1.0.0:detect"])
async def test_the_model_has_three_addresses(served: Served, path: str) -> None:
    assert best((await served.post(path, png(GREEN))).json) == "green"


async def test_a_detector_gives_boxes_of_the_picture_and_filters_as_it_is_asked() -> None:
    async with edge(MODEL) as served:
        path = "/v1/models/coco-detector:detect"
        everything = (await served.post(path, jpegs()[0])).json
        some = (await served.post(f"{path}?confidence=0.5&labels=person,zebra&pixels=true", jpegs()[0])).json
        assert (await served.post(f"{path}?labels=zebra", jpegs()[0])).json["detections"] == []
        lines = await served.post(path, jpegs()[0], {"Accept": "application/x-ndjson"})
    assert everything["picture"] == {"width": 640, "height": 480}
    sure = [found for found in everything["detections"] if found["confidence"] >= 0.5 and found["label"] == "person"]
    assert sure
    assert len(sure) < len(everything["detections"])
    assert [found["bbox"] for found in some["detections"]] == [found["bbox"] for found in sure]
    assert lines.lines[0]["detections"] == everything["detections"]
    for found in some["detections"]:
        expected = [share * side for share, side in zip(found["bbox"], (640, 480, 640, 480), strict=True)]
        assert found["pixels"] == pytest.approx(expected, abs=0.06)


async def test_an_embedder_gives_a_vector_of_length_one() -> None:
    repository = Repository(ROOT / "models")
    async with edge(await asyncio.to_thread(repository.resolve, "face-embedding")) as served:
        vector = (await served.post("/api/v1/detect", jpegs()[0])).json["embedding"]
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)


async def test_a_face_has_its_landmarks_by_name_and_a_picture_without_one_none() -> None:
    picture = (ROOT / "tests/media/faces/obama.jpg").read_bytes()
    repository = Repository(ROOT / "models")
    async with edge(await asyncio.to_thread(repository.resolve, "face-detector")) as served:
        face = (await served.post("/api/v1/detect", picture)).json["detections"][0]
        nobody = await served.post("/api/v1/detect", jpeg(RED))
    x, y, width, height = face["bbox"]
    assert face["landmarks"].keys() == set(served.plane.stable.model.card.landmarks)
    assert all(x < across < x + width and y < down < y + height for across, down in face["landmarks"].values())
    assert face["landmarks"]["right eye"][0] < face["landmarks"]["left eye"][0]
    assert nobody.status == 200
    assert nobody.json["detections"] == []


async def test_several_pictures_are_answered_each_by_itself(served: Served) -> None:
    form = aiohttp.FormData()
    form.add_field("file", png(RED), filename="red.png", content_type="image/png")
    form.add_field("file", b"no picture", filename="bad.txt")
    form.add_field("file", jpeg(GREEN)[:40], filename="cut.jpg")
    form.add_field("other", BytesIO(webp(GREEN)))
    answer = await served.post(DETECT, form)
    assert answer.status == 200
    red, bad, cut, green = answer.json["results"]
    assert (red["index"], red["name"], best(red)) == (0, "red.png", "red")
    assert (bad["name"], bad["status"], bad["error"]) == ("bad.txt", 415, "neither JPEG, PNG nor WebP")
    assert (cut["index"], cut["status"]) == (2, 400)
    assert (green["index"], best(green)) == (3, "green")


async def test_json_has_base64_of_one_or_several(served: Served) -> None:
    text = base64.b64encode(png(RED)).decode()
    headers = {"Content-Type": "application/json"}
    one = await served.post(DETECT, json.dumps({"image": f"data:image/png;base64,{text}"}), headers)
    assert best(one.json) == "red"
    images = [text, {"data": text, "name": "mine"}, {"data": "§"}, {"data": 1}, 5, {"url": "http://127.0.0.1/x"}]
    several = (await served.post(DETECT, json.dumps({"images": images}), headers)).json["results"]
    assert [entry.get("status", 200) for entry in several] == [200, 200, 400, 400, 400, 403]
    assert several[1]["name"] == "mine"


async def test_lines_come_as_batches_end(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first line is there while the second picture still waits."""
    wait, pictures = asyncio.Event(), served.plane.stable.pictures
    infer = pictures.infer

    async def late(data: bytes, *rest: Any) -> Any:
        if data == png(GREEN):
            await wait.wait()
        return await infer(data, *rest)

    monkeypatch.setattr(pictures, "infer", late)
    form = aiohttp.FormData()
    for data in (png(GREEN), png(RED), b"nothing"):
        form.add_field("file", data, filename="f")
    headers = {"Accept": "application/x-ndjson"}
    async with served.session.post(f"{served.url}{DETECT}", data=form, headers=headers) as response:
        assert response.headers["Content-Type"] == "application/x-ndjson"
        first = [json.loads(await response.content.readline()) for _ in range(2)]
        wait.set()
        last = json.loads(await response.content.readline())
        assert await response.content.read() == b""
    assert {entry["index"]: entry.get("status", 200) for entry in first} == {1: 200, 2: 415}
    assert (last["index"], best(last), last["model"]["version"]) == (0, "green", "1.0.0")


async def test_a_client_that_goes_leaves_no_row_behind(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, cancelled = asyncio.Event(), asyncio.Event()

    async def never(*_: Any) -> Any:
        waiting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    monkeypatch.setattr(served.plane.stable.pictures, "infer", never)
    for accept in ("application/json", "application/x-ndjson"):
        waiting.clear()
        cancelled.clear()
        post = asyncio.create_task(served.post(DETECT, png(RED), {"Accept": accept}))
        await waiting.wait()
        post.cancel()
        await until(cancelled.is_set, "the handler is cancelled")


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "word"),
    [
        (DETECT, b"", {}, 400, "empty"),
        (DETECT, b"text", {}, 415, "neither"),
        (DETECT, jpeg(RED)[:-60], {}, 400, "decoded"),
        (DETECT, BytesIO(b"x" * ((1 << 20) + 1)), {}, 413, "1048576"),
        ("/v1/models/others:detect", png(RED), {}, 404, "colours"),
        ("/v1/models/colours/versions/2.0.0:detect", png(RED), {}, 404, "2.0.0"),
        (f"{DETECT}?confidence=2", png(RED), {}, 400, "confidence"),
        (f"{DETECT}?confidence=nan", png(RED), {}, 400, "confidence"),
        (f"{DETECT}?priority=-1", png(RED), {}, 400, "priority"),
        (f"{DETECT}?pixels=maybe", png(RED), {}, 400, "pixels"),
        (f"{DETECT}?conf=0.1", png(RED), {}, 400, "conf"),
        (f"{DETECT}?labels=red,rde", png(RED), {}, 400, "'rde'"),
        (f"{DETECT}?pipeline=none", png(RED), {}, 400, "pipeline"),
        (f"{DETECT}?luminance=9", png(RED), {}, 400, "luminance"),
        (DETECT, b"{", {"Content-Type": "application/json"}, 400, "JSON"),
        (DETECT, b"[]", {"Content-Type": "application/json"}, 400, "object"),
        (DETECT, b"[" * 200_000, {"Content-Type": "application/json"}, 400, "JSON"),
        (DETECT, b"--x--", {"Content-Type": "multipart/form-data; boundary=x"}, 400, "no picture"),
        (DETECT, b"--x\r\n", {"Content-Type": "multipart/form-data; boundary=x"}, 400, "header"),
        (DETECT, b"--x", {"Content-Type": "multipart/form-data"}, 400, "boundary"),
        (DETECT, png(RED), {"Accept": "image/png"}, 406, "application/json"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_wrong_is_said(
    served: Served, path: str, body: bytes | BytesIO, headers: dict[str, str], status: int, word: str
) -> None:
    answer = await served.post(path, body, headers)
    assert answer.status == status
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert word in answer.json["error"]


async def test_the_guard_rejects_with_its_measures(served: Served) -> None:
    dark = png(plain(3, 3, 3))
    rejected = await served.post(f"{DETECT}?luminance=20,235&reject=dark", dark)
    assert rejected.status == 422
    assert rejected.json["input"]["reasons"] == ["dark"]
    assert rejected.json["input"]["luminance"] == pytest.approx(3, abs=0.5)
    suspect = await served.post(f"{DETECT}?luminance=20,235", dark)
    assert (suspect.status, suspect.json["input"]["verdict"]) == (200, "suspect")
    small = await served.post(f"{DETECT}?min_size=9x9", png(RED))
    assert (small.status, small.json["input"]["reasons"]) == (422, ["small"])


async def test_a_pipelines_settings_are_a_requests_by_name(tmp_path: Path) -> None:
    stage = {"model": "colours", "labels": ["green"], "confidence": 0.5}
    pipelines = {"lawn": {"stages": [stage], "guard": {"luminance": [20, 235], "reject": ["dark"]}}}
    async with edge(colours(tmp_path), pipelines=pipelines) as served:
        found = (await served.post(f"{DETECT}?pipeline=lawn", png(RED))).json
        assert [entry["label"] for entry in found["classes"]] == ["green"]
        assert found["input"]["verdict"] == "ok"
        assert (await served.post(f"{DETECT}?pipeline=lawn", png(plain(3, 3, 3)))).status == 422


async def test_a_version_is_had_by_media_type(tmp_path: Path) -> None:
    models = versions_of(tmp_path, "1.0.0", "2.1.0", "2.1.4", "2.2.0")

    async def find(version: str) -> Model:
        return models[version]

    async with edge(models["1.0.0"], find=find) as served:
        for version in ("2.1.0", "2.1.4"):
            await served.plane.load(version)
        kind = "application/vnd.vedette.vision.v"

        async def accepted(accept: str, path: str = DETECT) -> tuple[int, str, str]:
            answer = await served.post(path, png(RED), {"Accept": accept})
            version = answer.lines[0]["model"]["version"] if answer.status == 200 else ""
            return answer.status, answer.headers["Content-Type"], version

        assert await accepted(f"{kind}2.1+json") == (200, f"{kind}2.1.4+json", "2.1.4")
        assert await accepted(f"{kind}2+json") == (200, f"{kind}2.1.4+json", "2.1.4")
        assert await accepted(f"{kind}2.1.0+x-ndjson") == (200, f"{kind}2.1.0+x-ndjson", "2.1.0")
        assert await accepted(f"{kind}3+json, {kind}1+json;q=0.5") == (200, f"{kind}1.0.0+json", "1.0.0")
        assert await accepted(f"{kind}3+json, */*;q=0.1") == (200, "application/json", "1.0.0")
        assert (await accepted(f"{kind}2+json", "/v1/models/colours/versions/1.0.0:detect"))[0] == 406
        missing = await served.post(DETECT, png(RED), {"Accept": f"{kind}2.2+json"})
    assert missing.status == 406, "2.2.0 is there and not loaded"
    assert missing.json["versions"] == ["1.0.0", "2.1.0", "2.1.4"]
    assert missing.json["media_types"][1] == f"{kind}2.1.0+json"


async def test_a_crowd_is_refused_at_once_and_told_when_to_come_back(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.runtime.batcher.REQUESTS_HELD", 0)
    answer = await served.post(DETECT, png(RED))
    assert (answer.status, int(answer.headers["Retry-After"]) >= 1) == (503, True)


async def test_a_deadline_that_cannot_be_met_is_no_answer(served: Served) -> None:
    answer = await served.post(f"{DETECT}?timeout=0.000001", png(RED))
    assert answer.status in (503, 504)
