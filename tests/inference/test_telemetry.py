"""Nothing that runs here reports to anybody."""

import os
import subprocess
import sys
from pathlib import Path

from tests.inference.worker import MODEL, ROOT

RUN = f"""
from pathlib import Path
from inference.repository.folder import Repository
from inference.runtime.session import open_session
open_session(Repository(Path({str(ROOT / "models")!r})).resolve({MODEL.card.name!r}), "cpu", 1)
"""


def test_onnx_runtime_leaves_no_id_and_no_record_of_its_use(tmp_path: Path) -> None:
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("ORT_", "XDG_"))}
    environ["HOME"] = str(tmp_path)
    subprocess.run([sys.executable, "-c", RUN], env=environ, cwd=ROOT, check=True, timeout=200)
    assert list(tmp_path.rglob("*")) == []
