"""What all tests of serving have in common."""

import pytest


@pytest.fixture(autouse=True)
def short_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.runtime.session_runner.MEASURE_S", 0.0)
