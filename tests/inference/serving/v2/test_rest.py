"""The protocol over HTTP as it is written down, without a client library."""

import gzip
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.errors import ModelError
from inference.repository.model import Model
from inference.serving.limits import Limits
from tests.inference.serving.models import KINDS, colours, doubled, echo, words
from tests.inference.serving.server import Server, serving

LENGTH = "Inference-Header-Content-Length"
PICTURE = np.zeros((1, 4, 4, 3), np.uint8) + np.array([10, 30, 20], np.uint8)


def tensor(name: str, datatype: str, shape: list[int], data: object = None, **parameters: object) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "datatype": datatype, "shape": shape, "parameters": parameters}
    return entry if data is None else entry | {"data": data}


def binary(inputs: list[dict[str, Any]], data: bytes, **more: object) -> tuple[bytes, dict[str, str]]:
    """Body and headers."""
    head = json.dumps({"inputs": inputs, **more}).encode()
    return head + data, {LENGTH.replace("-", "_"): str(len(head))}


async def test_health_and_metadata_say_what_is_served(tmp_path: Path) -> None:
    async with serving(colours(tmp_path)) as server:
        assert await server.get("/v2/health/live") == (200, {"live": True})
        assert await server.get("/v2/health/ready") == (200, {"ready": True})
        status, about = await server.get("/v2")
        assert (status, about["name"]) == (200, "vedette")
        assert "binary_tensor_data" in about["extensions"]
        for path in ("/v2/models/colours", "/v2/models/colours/versions/1.0.0"):
            assert await server.get(f"{path}/ready") == (200, {"name": "colours", "ready": True})
            assert await server.get(path) == (
                200,
                {
                    "name": "colours",
                    "versions": ["1.0.0"],
                    "platform": "onnx_onnxv1",
                    "inputs": [{"name": "images", "datatype": "UINT8", "shape": [-1, 4, 4, 3]}],
                    "outputs": [{"name": "scores", "datatype": "FP32", "shape": [-1, 3]}],
                },
            )
        for path in (
            "/v2/models/others",
            "/v2/models/colours/versions/9.9.9",
            "/v2/models/others/ready",
            "/v2/nothing",
        ):
            status, answer = await server.get(path)
            assert (status, type(answer["error"])) == (404, str)
    assert not server.plane.ready


async def test_tensors_as_json_come_back_as_json(tmp_path: Path) -> None:
    async with serving(doubled(tmp_path)) as server:
        nested: list[Any] = [[1, 2.5, 3], [4, 5, 6]]
        for data in (nested, nested[0] + nested[1]):
            asked = {"id": "42", "inputs": [tensor("x", "FP32", [2, 3], data)]}
            assert await server.post("/v2/models/doubled/infer", asked) == (
                200,
                {
                    "model_name": "doubled",
                    "model_version": "1.0.0",
                    "id": "42",
                    "outputs": [
                        {"name": "y", "datatype": "FP32", "shape": [2, 3], "data": [2.0, 5.0, 6.0, 8.0, 10.0, 12.0]}
                    ],
                },
            )


async def test_every_datatype_passes_in_binary_and_as_json(tmp_path: Path) -> None:
    values: dict[str, list[list[float]]] = {name: [[1, 0], [0, 1]] for name in KINDS}
    values |= {"FP16": [[0.5, -2]] * 2, "INT8": [[-128, 127]] * 2, "UINT64": [[2**64 - 1, 0]] * 2}
    dtypes = {"BOOL": "?", "FP16": "f2", "FP32": "f4", "FP64": "f8"}
    arrays = {name: np.array(value, dtypes.get(name) or name.lower()) for name, value in values.items()}
    async with serving(echo(tmp_path)) as server:
        inputs = [
            tensor(f"in_{name}", name, [2, 2], binary_data_size=array.nbytes)
            for name, array in reversed(arrays.items())
        ]
        data = b"".join(array.tobytes() for array in reversed(arrays.values()))
        body, headers = binary(inputs, data, parameters={"binary_data_output": True})
        async with server.session.post(
            f"http://{server.http}/v2/models/echo/infer", data=body, headers={LENGTH: headers[LENGTH.replace("-", "_")]}
        ) as response:
            raw, length = await response.read(), int(response.headers[LENGTH])
            assert response.headers["Content-Type"] == "application/octet-stream"
        outputs, at = json.loads(raw[:length])["outputs"], length
        assert [output["name"] for output in outputs] == [f"out_{name}" for name in KINDS]
        for output in outputs:
            size = output["parameters"]["binary_data_size"]
            assert raw[at : at + size] == arrays[output["datatype"]].tobytes()
            at += size
        assert at == len(raw)

        asked = [tensor(f"in_{name}", name, [2, 2], array.tolist()) for name, array in arrays.items()]
        status, answer = await server.post("/v2/models/echo/infer", {"inputs": asked})
        assert status == 200, answer
        for output in answer["outputs"]:
            assert output["data"] == arrays[output["datatype"]].ravel().tolist()


async def test_binary_and_json_mix_as_each_tensor_says(tmp_path: Path) -> None:
    async with serving(words(tmp_path)) as server:
        items = ["grüße", "", "a:b"]
        data = b"".join(struct.pack("<I", len(item.encode())) + item.encode() for item in items)
        body, headers = binary(
            [tensor("text", "BYTES", [1, 3], binary_data_size=len(data))],
            data,
            outputs=[{"name": "same", "parameters": {"binary_data": False}}],
        )
        status, answer = await server.post("/v2/models/words/infer", body, **headers)
        assert (status, answer["outputs"][0]["data"]) == (200, items)
        assert answer["outputs"][0]["datatype"] == "BYTES"


async def test_what_json_has_no_number_for_is_null(tmp_path: Path) -> None:
    async with serving(doubled(tmp_path)) as server:
        data = np.array([np.nan, np.inf, 1, 3e38, -np.inf, 0], np.float32).tobytes()
        body, headers = binary([tensor("x", "FP32", [2, 3], binary_data_size=len(data))], data)
        status, answer = await server.post("/v2/models/doubled/infer", body, **headers)
        assert (status, answer["outputs"][0]["data"]) == (200, [None, None, 2.0, None, None, 0.0])


async def test_classes_are_answered_with_value_index_and_label(tmp_path: Path) -> None:
    async with serving(colours(tmp_path)) as server:
        asked = {
            "inputs": [tensor("images", "UINT8", [1, 4, 4, 3], PICTURE.ravel().tolist())],
            "outputs": [{"name": "scores", "parameters": {"classification": 2}}],
        }
        status, answer = await server.post("/v2/models/colours/infer", asked)
        assert (status, answer["outputs"]) == (
            200,
            [{"name": "scores", "datatype": "BYTES", "shape": [1, 2], "data": ["30.0:1:green", "20.0:2:red"]}],
        )


async def test_rows_of_one_request_share_batches_with_others_and_come_back_in_order(tmp_path: Path) -> None:
    async with serving(colours(tmp_path)) as server:
        pictures = np.arange(100, dtype=np.uint8)[:, None, None, None] + np.zeros((1, 4, 4, 3), np.uint8)
        body, headers = binary(
            [tensor("images", "UINT8", [100, 4, 4, 3], binary_data_size=pictures.nbytes)], pictures.tobytes()
        )
        status, answer = await server.post("/v2/models/colours/infer", body, **headers)
        assert status == 200, answer
        assert answer["outputs"][0]["shape"] == [100, 3]
        assert answer["outputs"][0]["data"][::3] == list(range(100))


GOOD = tensor("images", "UINT8", [1, 4, 4, 3], [0] * 48)
IN_BINARY = tensor("images", "UINT8", [1, 4, 4, 3], binary_data_size=48)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"inputs": [' + b"1" * 5000 + b"]}", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        ([], "the request: must be an object"),
        ({"inputs": {}}, "inputs: must be a list"),
        ({"inputs": []}, "the inputs are images, not none"),
        ({"inputs": [GOOD, GOOD]}, "the inputs are images, not images, images"),
        ({"inputs": [GOOD | {"name": "other"}]}, "the inputs are images, not other"),
        ({"inputs": [GOOD | {"name": 3}]}, "name: must be a string"),
        ({"inputs": [GOOD | {"datatype": "FP32"}]}, "images: datatype is UINT8, not FP32"),
        ({"inputs": [GOOD | {"datatype": "BF16"}]}, "images: datatype 'BF16' is none of BOOL"),
        ({"inputs": [GOOD | {"shape": [1, 48]}]}, r"images: shape is [-1, 4, 4, 3], not [1, 48]"),
        ({"inputs": [GOOD | {"shape": [0, 4, 4, 3], "data": []}]}, r"shape is [-1, 4, 4, 3], not [0, 4, 4, 3]"),
        ({"inputs": [GOOD | {"shape": [1, 4, 4, -3]}]}, "shape has something other than lengths"),
        ({"inputs": [GOOD | {"shape": [True, 4, 4, 3]}]}, "shape has something other than lengths"),
        ({"inputs": [GOOD | {"shape": [1 << 31, 1 << 31]}]}, "elements, not 48"),
        ({"inputs": [GOOD | {"shape": [0, 1 << 62, 1 << 62], "data": []}]}, "more elements than there can be"),
        ({"inputs": [GOOD | {"shape": [1] * 17}]}, "more than 16 dimensions"),
        ({"inputs": [GOOD | {"data": [0] * 47}]}, "[1, 4, 4, 3] is 48 elements, not 47"),
        ({"inputs": [GOOD | {"data": [256] * 48}]}, "out of the range of UINT8"),
        ({"inputs": [GOOD | {"data": [0.5] * 48}]}, "elements that are no UINT8"),
        ({"inputs": [GOOD | {"data": ["0"] * 48}]}, "elements that are no UINT8"),
        ({"inputs": [GOOD | {"data": [None] * 48}]}, "elements that are no UINT8"),
        ({"inputs": [GOOD | {"data": [[0], 0]}]}, "lists beside elements"),
        ({"inputs": [IN_BINARY]}, "binary_data_size is 48, and 0 bytes are left"),
        ({"inputs": [GOOD], "outputs": [{"name": "boxes"}]}, "boxes is no output; there are scores"),
        ({"inputs": [GOOD], "outputs": [{"name": "scores"}] * 2}, "asked for twice"),
        ({"inputs": [GOOD], "outputs": [{"name": "scores", "parameters": {"classification": -1}}]}, "classification"),
        ({"inputs": [GOOD], "parameters": {"timeout": -1}}, "timeout is a whole number"),
        ({"inputs": [GOOD], "parameters": {"timeout_action": "wait"}}, "reject or delay"),
        ({"inputs": [GOOD], "parameters": []}, "parameters: must be an object"),
        ({"inputs": [GOOD], "id": 42}, "id is a string"),
        ({"inputs": [tensor("images", "UINT8", [129, 4, 4, 3], [0] * 129 * 48)]}, "more than the 128"),
    ],
)
async def test_a_wrong_request_is_refused_with_the_reason(colour_server: Server, body: object, says: str) -> None:
    status, answer = await colour_server.post("/v2/models/colours/infer", body)
    assert status == 400, answer
    assert says in answer["error"]


async def test_a_body_that_is_not_as_it_is_encoded_is_400(colour_server: Server) -> None:
    for _ in range(2):  # the first leaves no connection behind that is out of step
        status, answer = await colour_server.post("/v2/models/colours/infer", b"no gzip", Content_Encoding="gzip")
        assert status == 400, answer
        assert "Content-Encoding" in answer["error"]
    status, answer = await colour_server.post("/v2/repository/index", gzip.compress(b"{}"), Content_Encoding="gzip")
    assert status == 200, answer


@pytest.mark.parametrize(
    ("inputs", "data", "length", "says"),
    [
        ([IN_BINARY], bytes(47), None, "48, and 47 bytes are left"),
        ([IN_BINARY], bytes(49), None, "49 bytes follow the JSON, and the inputs have 48"),
        ([IN_BINARY | {"shape": [2, 4, 4, 3]}], bytes(48), None, "is 96 bytes, not 48"),
        ([IN_BINARY | {"data": [0]}], bytes(48), None, "without data beside it"),
        ([tensor("images", "UINT8", [1], binary_data_size=-1)], b"", None, "must be a number of bytes"),
        ([tensor("images", "BYTES", [1 << 40], binary_data_size=8)], bytes(8), None, "too few for 1099511627776"),
        ([tensor("images", "BYTES", [1], binary_data_size=8)], b"\xff" * 8, None, "don't add up to 8 bytes"),
        ([tensor("images", "BYTES", [1], binary_data_size=5)], b"\1\0\0\0\xff", None, "no UTF-8"),
        ([IN_BINARY], bytes(48), "9999", "Inference-Header-Content-Length is 9999"),
        ([IN_BINARY], bytes(48), "-1", "must be a whole number"),
        ([IN_BINARY], bytes(48), "٣", "must be a whole number"),
    ],
)
async def test_a_wrong_binary_request_is_refused_with_the_reason(
    colour_server: Server, inputs: list[dict[str, Any]], data: bytes, length: str | None, says: str
) -> None:
    body, headers = binary(inputs, data)
    if length is not None:
        headers = dict.fromkeys(headers, length)
    status, answer = await colour_server.post("/v2/models/colours/infer", body, **headers)
    assert status == 400, answer
    assert says in answer["error"]


async def test_an_unknown_model_or_version_is_404(colour_server: Server) -> None:
    for path in ("others/infer", "colours/versions/2.0.0/infer", "colours@1/infer"):
        status, answer = await colour_server.post(f"/v2/models/{path}", {"inputs": [GOOD]})
        assert (status, list(answer)) == (404, ["error", "status", "detail"])
    status, _ = await colour_server.post("/v2/models/colours/versions/1.0.0/infer", {"inputs": [GOOD]})
    assert status == 200


async def test_a_body_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    async with serving(colours(tmp_path), limits=Limits(body_bytes=1000)) as server:
        status, answer = await server.post("/v2/models/colours/infer", bytes(1001))
        assert (status, answer["error"]) == (413, "the body is over 1000 bytes")

        async def chunks() -> Any:
            yield bytes(600)
            yield bytes(600)

        url = f"http://{server.http}/v2/models/colours/infer"
        async with server.session.post(url, data=chunks()) as response:
            assert response.status == 413
        async with server.session.post(url, data=bytes(900_000), compress="gzip") as response:
            assert response.status == 413  # 900 bytes on the wire


async def test_versions_are_loaded_listed_and_unloaded_by_request(tmp_path: Path) -> None:
    models = {version: doubled(tmp_path, version) for version in ("1.0.0", "1.1.0")}

    async def find(version: str) -> Model:
        if version not in models:
            raise ModelError(f"there is no {version}")
        return models[version]

    asked = {"inputs": [tensor("x", "FP32", [2, 3], [1] * 6)]}
    async with serving(models["1.0.0"], find=find) as server:
        assert (await server.post("/v2/models/doubled/versions/1.1.0/infer", asked))[0] == 404
        assert await server.post("/v2/repository/models/doubled@1.1.0/load") == (200, {})
        status, answer = await server.post("/v2/models/doubled/versions/1.1.0/infer", asked)
        assert (status, answer["model_version"]) == (200, "1.1.0")
        status, answer = await server.post("/v2/repository/index", {"ready": True})
        assert [(entry["version"], entry["state"]) for entry in answer] == [("1.0.0", "READY"), ("1.1.0", "READY")]
        by_parameter = {"parameters": {"version": "1.1.0"}}
        assert await server.post("/v2/repository/models/doubled/unload", by_parameter) == (200, {})
        assert (await server.post("/v2/models/doubled/versions/1.1.0/infer", asked))[0] == 404
        for path, body, expected, says in (
            ("doubled/load", {}, 400, "say which version"),
            ("doubled@7.0.0/load", {}, 400, "7.0.0"),
            ("doubled@1.0.0/unload", {}, 400, "stable"),
            ("others@1.0.0/load", {}, 404, "no model"),
            ("doubled@1.1.0/load", {"parameters": {"config": "{}"}}, 400, "config is not possible"),
        ):
            status, answer = await server.post(f"/v2/repository/models/{path}", body)
            assert (status, says in answer["error"]) == (expected, True), answer
    async with serving(models["1.0.0"], find=find, may_change=False) as server:
        assert (await server.post("/v2/repository/models/doubled@1.1.0/load"))[0] == 403
