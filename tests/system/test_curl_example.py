"""`examples/detect.sh` as it is, with the system's curl."""

from pathlib import Path

import pytest

from tests.inference.serving.edge import edge, printed_by
from tests.inference.worker import MODEL, ROOT, jpegs

pytestmark = pytest.mark.system


async def test_the_examples_with_curl_run_as_they_are(tmp_path: Path) -> None:
    picture = tmp_path / "street.jpg"
    picture.write_bytes(jpegs()[0])
    async with edge(MODEL) as served:
        out = await printed_by("sh", str(ROOT / "examples" / "detect.sh"), served.url, str(picture))
    usual, people, first, second, by_version, wrong = out.splitlines()
    assert '"label":"person"' in usual
    assert '"pixels":[' in people
    assert '"index":' in first
    assert '"index":' in second
    assert '"version":"1.0.0"' in by_version
    assert "neither JPEG, PNG nor WebP" in wrong
