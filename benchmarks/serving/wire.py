"""HTTP requests as bytes, made once and sent many times: Open Inference Protocol v2, and each peer's own way.

Specification: the "Open Inference Protocol" of KServe, and Triton's extension for binary tensors (the JSON comes first,
its length in `Inference-Header-Content-Length`, the tensors follow in order).
"""

import base64
import json
import struct

V2_LENGTH = "Inference-Header-Content-Length"


def post(path: str, body: bytes, media_type: str, **headers: str) -> bytes:
    """A whole request; header names with `_` for `-`."""
    fields = {
        "Host": "127.0.0.1",
        "Content-Type": media_type,
        "Content-Length": str(len(body)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def v2_binary(model: str, name: str, datatype: str, shape: list[int], data: bytes) -> bytes:
    """One input tensor in binary, all outputs in binary."""
    header = json.dumps(
        {
            "inputs": [
                {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(data)}}
            ],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    path = f"/v2/models/{model}/infer"
    return post(path, header + data, "application/octet-stream", Inference_Header_Content_Length=str(len(header)))


def v2_bytes(model: str, name: str, item: bytes) -> bytes:
    """One item of a BYTES tensor in binary: its length, little-endian, and itself."""
    return v2_binary(model, name, "BYTES", [1, 1], struct.pack("<I", len(item)) + item)


def v2_base64(model: str, name: str, item: bytes) -> bytes:
    """One item of a BYTES tensor as base64 in JSON (MLServer's content type `base64`)."""
    tensor = {
        "name": name,
        "datatype": "BYTES",
        "shape": [1],
        "parameters": {"content_type": "base64"},
        "data": [base64.b64encode(item).decode()],
    }
    return post(f"/v2/models/{model}/infer", json.dumps({"inputs": [tensor]}).encode(), "application/json")


def octets(path: str, body: bytes) -> bytes:
    return post(path, body, "application/octet-stream")
