"""The Dockerfile: clean by hadolint, pinned, and with what each process imports."""

import ast
import re
import subprocess
import sys

import pytest

from tests.system.chart import ENVIRONMENT, ROOT

pytestmark = pytest.mark.system
DISTRIBUTIONS = {
    "av": "av",
    "aioice": "aiortc",
    "aiohttp": "aiohttp",
    "aiortc": "aiortc",
    "cryptography": "cryptography",
    "cv2": "opencv-python-headless",
    "faiss": "faiss-cpu",
    "fsspec": "fsspec",
    "google": "protobuf",
    "grpc": "grpcio",
    "multidict": "aiohttp",
    "nats": "nats-py",
    "numpy": "numpy",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
    "opentelemetry": "opentelemetry-proto",
    "paho": "paho-mqtt",
    "prometheus_client": "prometheus-client",
    "pydantic": "pydantic",
    "pydantic_core": "pydantic",
    "rich": "rich",
    "ruamel": "ruamel.yaml",
    "simplejpeg": "simplejpeg",
    "typing_extensions": "pydantic",
}
NOT_IN_SERVICE = {("inference", "av"), ("inference", "grpc_tools")}
"""Of `make gpu-check` and of generating code."""


def test_hadolint_finds_nothing() -> None:
    linted = subprocess.run(
        [ENVIRONMENT / "hadolint", ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (linted.returncode, linted.stdout) == (0, "")


def test_the_base_is_named_by_digest_and_nothing_else_is_fetched() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^ARG BASE_IMAGE=\S+:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", text, re.MULTILINE)
    assert {source for source, _ in stages} <= {"${BASE_IMAGE}", *(name for _, name in stages)}


@pytest.mark.parametrize("package", ["gateway", "inference", "events"])
def test_an_image_has_what_its_process_imports(package: str) -> None:
    listed = {
        re.split(r"[\[;=]", line)[0]
        for line in (ROOT / "docker" / f"{package}.txt").read_text().splitlines()
        if not line.startswith("#")
    }
    listed |= {"onnxruntime"} if package == "inference" else set()
    imported = imports_of(package) | imports_of("vedette")
    missing = {name for name in imported if (package, name) not in NOT_IN_SERVICE and DISTRIBUTIONS[name] not in listed}
    assert missing == set()


@pytest.mark.parametrize("package", ["gateway", "inference", "events"])
def test_what_an_image_lists_is_pinned(package: str) -> None:
    pinned = {line.split("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines()}
    lines = (ROOT / "docker" / f"{package}.txt").read_text().splitlines()
    names = {re.split(r"\[", line)[0].replace(".", "-") for line in lines if not line.startswith("#")}
    assert names <= pinned


def imports_of(package: str) -> set[str]:
    """The third parties that any module of the package imports, wherever in it."""
    found = set()
    for file in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.split(".")[0])
    return found - sys.stdlib_module_names - {"vedette", "gateway", "inference", "events"}
