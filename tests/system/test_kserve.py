"""The `kserve` SDK, unmodified, over REST and gRPC: from `.venv-kserve`, which `make test-system` makes."""

import asyncio
from pathlib import Path

import pytest

from tests.inference.serving.models import colours
from tests.inference.serving.server import serving

pytestmark = pytest.mark.system
PYTHON = Path(__file__).parents[2] / ".venv-kserve" / "bin" / "python"


@pytest.mark.timeout(180)
async def test_the_kserve_client_is_served(tmp_path: Path) -> None:
    async with serving(colours(tmp_path)) as server:
        program = Path(__file__).with_name("kserve_client.py")
        client = await asyncio.create_subprocess_exec(
            *(PYTHON, program, server.http, server.grpc),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await client.communicate()
        assert (client.returncode, said.decode().splitlines()[-1:]) == (0, ["all well"]), said.decode()
