"""Machines that run tests are slow: crops are waited for, and kept, as long as it takes."""

import pytest

from inference.cascade import cascade
from vedette import streams


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cascade, "PATIENCE_S", 3600.0)
    monkeypatch.setattr(streams, "CROP_MAX_AGE_S", 3600.0)
