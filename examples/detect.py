"""Ask a running inference process what is in pictures: one, or several whose results come as they are ready.

    python examples/detect.py http://127.0.0.1:8000 street.jpg [more.png …]

A token, where the server wants one, is read from the environment variable VEDETTE_TOKEN. Python's own library is all
that it needs.
"""

import json
import os
import sys
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any


def request(url: str, body: bytes, headers: dict[str, str]) -> urllib.request.Request:
    if token := os.environ.get("VEDETTE_TOKEN"):
        headers = {**headers, "Authorization": f"Bearer {token}"}
    return urllib.request.Request(url, body, headers)


def one(server: str, picture: Path) -> None:
    """The body is the picture itself."""
    asked = request(f"{server}/api/v1/detect?confidence=0.4&pixels=true", picture.read_bytes(), {})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        result = json.load(answer)
    model = result["model"]
    print(f"{model['name']} {model['version']}")
    show(picture.name, result)


def several(server: str, pictures: list[Path]) -> None:
    """A form of files; a line of JSON for each, the quickest first."""
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{picture.name}"\r\n\r\n'.encode()
        + picture.read_bytes()
        for picture in pictures
    ]
    body = b"\r\n".join([*parts, f"--{boundary}--\r\n".encode()])
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Accept": "application/x-ndjson"}
    with urllib.request.urlopen(request(f"{server}/api/v1/detect", body, headers), timeout=60) as answer:
        for line in answer:
            entry = json.loads(line)
            show(f"{entry['index']} {entry.get('name', '')}", entry)


def show(name: str, result: dict[str, Any]) -> None:
    if "error" in result:
        print(f"{name}: {result['status']} {result['error']}")
        return
    for found in result.get("detections", []):
        print(f"{name}: {found['label']} {found['confidence']:.2f} at {found.get('pixels', found['bbox'])}")
    for scored in result.get("classes", []):
        print(f"{name}: {scored['label']} {scored['confidence']:.2f}")
    if "embedding" in result:
        print(f"{name}: a vector of {len(result['embedding'])} numbers")


if __name__ == "__main__":
    try:
        one(sys.argv[1], Path(sys.argv[2]))
        several(sys.argv[1], [Path(name) for name in sys.argv[2:]])
    except urllib.error.HTTPError as error:
        sys.exit(f"{error.code}: {json.load(error)['error']}")
    except OSError as error:
        sys.exit(str(error))
    except IndexError:
        sys.exit(__doc__)
