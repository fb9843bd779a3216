"""The OpenAPI document: fresh, sound, complete, and true of what is really answered (jsonschema, Draft 2020-12)."""

import base64
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from inference.serving.edge import ADMIN
from inference.serving.openapi.__main__ import FILE, main
from inference.serving.openapi.document import document, text
from tests.inference.guard.pictures import png
from tests.inference.serving.edge import Answer, colours, edge, printed_by
from tests.inference.worker import MODEL, jpegs
from vedette.debug.routes import PATHS

DOCUMENT = document()
PICTURE = png(np.zeros((8, 8, 3), np.uint8) + np.array([10, 20, 200], np.uint8))
_METHODS = ("get", "put", "post", "delete")


def operations() -> Iterator[tuple[str, str, dict[str, Any], list[dict[str, Any]]]]:
    """Method, path, operation and all its parameters."""
    for path, item in DOCUMENT["paths"].items():
        for method in _METHODS:
            if method in item:
                yield method, path, item[method], [*item.get("parameters", []), *item[method].get("parameters", [])]


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def looked_up(reference: str) -> Any:
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def schema_of(path: str, method: str, answer: Answer) -> dict[str, Any]:
    """Of the answer's body, as the document has it for its status and media type."""
    responses = DOCUMENT["paths"][path][method]["responses"]
    response = responses[str(answer.status)]
    response = looked_up(response["$ref"]) if "$ref" in response else response
    media_type = answer.headers["Content-Type"].partition(";")[0]
    return {**response["content"][media_type]["schema"], "components": DOCUMENT["components"]}


def check(path: str, method: str, answer: Answer, body: Any = None) -> None:
    Draft202012Validator(schema_of(path, method, answer)).validate(answer.json if body is None else body)


def test_the_committed_document_is_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err
    assert json.loads(FILE.read_text()) == json.loads(text())


def test_the_document_is_sound() -> None:
    for reference in references(DOCUMENT):
        assert looked_up(reference)
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    names = [operation["operationId"] for _, _, operation, _ in operations()]
    assert len(set(names)) == len(names)
    for _, path, operation, parameters in operations():
        in_path = {parameter["name"] for parameter in parameters if parameter["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path)), path
        assert any(status.startswith("2") for status in operation["responses"])


async def test_it_has_every_route_and_no_other(tmp_path: Path) -> None:
    async with edge(colours(tmp_path)) as served:
        routes = {(route.method.lower(), route.path) for service in served.services for route in service.routes}
        given = (await served.ask("GET", "/openapi.json")).json
    of_names = {(method, path) for method, path in routes if "colours" not in path}  # short cuts of one model
    health = {("get", path) for path in ("/healthz", "/readyz", "/metrics")}
    debug = {("get", path) for path in PATHS}
    assert {(method, path) for method, path, _, _ in operations()} == of_names | health | debug
    assert given == json.loads(text())
    admin = {(method.upper(), path) for method, path, operation, _ in operations() if "(admin)" in operation["summary"]}
    assert admin == ADMIN


async def test_what_vision_answers_is_as_it_says(tmp_path: Path) -> None:
    path = "/v1/models/{model}:detect"
    form = aiohttp.FormData()
    for data in (PICTURE, b"nothing"):
        form.add_field("file", data, filename="f")
    validator = Draft202012Validator({**looked_up("#/components/schemas/PicturesInJson"), **DOCUMENT})
    async with edge(colours(tmp_path)) as served:
        url = "/v1/models/colours:detect"
        check(path, "post", await served.post(f"{url}?luminance=0,255", PICTURE))
        check(path, "post", await served.post(url, form))
        for body in ({"image": base64.b64encode(PICTURE).decode()}, {"images": ["x", {"url": "http://a/"}]}):
            validator.validate(body)
            check(path, "post", await served.post(url, json.dumps(body), {"Content-Type": "application/json"}))
        lines = await served.post(url, PICTURE, {"Accept": "application/x-ndjson"})
        check(path, "post", lines, lines.lines[0])
        wrong = [
            await served.post(f"{url}?confidence=7", PICTURE),
            await served.post("/v1/models/other:detect", PICTURE),
            await served.post(url, PICTURE, {"Accept": "application/vnd.vedette.vision.v9+json"}),
            await served.post(url, b"text"),
            await served.post(f"{url}?luminance=200,255&reject=dark", PICTURE),
            await served.post(f"{url}?timeout=0.000001", PICTURE),
        ]
        for answer in wrong:
            check(path, "post", answer)
        assert [answer.status for answer in wrong[:5]] == [400, 404, 406, 415, 422]
    async with edge(MODEL) as served:
        check(path, "post", await served.post("/v1/models/coco-detector:detect?pixels=true", jpegs()[0]))


async def test_what_v2_answers_is_as_it_says(tmp_path: Path) -> None:
    request = {
        "inputs": [{"name": "images", "datatype": "UINT8", "shape": [1, 4, 4, 3], "data": [7] * 48}],
        "outputs": [{"name": "scores"}],
    }
    Draft202012Validator({**looked_up("#/components/schemas/InferRequest"), **DOCUMENT}).validate(request)
    async with edge(colours(tmp_path)) as served:
        for path in ("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/{model}", "/v2/models/{model}/ready"):
            check(path, "get", await served.ask("GET", path.replace("{model}", "colours")))
        infer = "/v2/models/{model}/infer"
        check(infer, "post", await served.post("/v2/models/colours/infer", json.dumps(request)))
        check(infer, "post", await served.post("/v2/models/colours/infer", b"{}"))
        check("/v2/repository/index", "post", await served.post("/v2/repository/index"))
        load = "/v2/repository/models/{model}/load"
        check(load, "post", await served.post("/v2/repository/models/colours/load"))
        rollout = "/api/v1/rollouts/{model}"
        check(rollout, "get", await served.ask("GET", "/api/v1/rollouts/colours"))


async def test_the_example_in_python_runs_as_it_is(tmp_path: Path) -> None:
    example = Path(__file__).resolve().parents[3] / "examples" / "detect.py"
    picture = tmp_path / "street.jpg"
    picture.write_bytes(jpegs()[0])
    async with edge(MODEL) as served:
        out = await printed_by(sys.executable, str(example), served.url, str(picture), str(picture))
    assert out.count("person") >= 2
    assert "coco-detector 1.0.0" in out
