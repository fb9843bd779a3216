"""One model on one device: who ran its nodes, whether it agrees with the CPU, and what batches cost."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from numpy.typing import NDArray

from inference.errors import DeviceUnavailable
from inference.gpu_check.comparison import Agreement, compare
from inference.preprocess import place, put
from inference.repository.folder import Model
from inference.runtime.batch_policy import BatchPolicy, CostCurve
from inference.runtime.devices import Device
from inference.runtime.rows import Row
from inference.runtime.session import ModelSession, open_session
from inference.runtime.session_runner import SessionRunner

MOST_ROWS = 32
RUNS = 10


@dataclass(slots=True)
class Measured:
    """What there is to say; `error` alone if the device can't run the model."""

    model: str
    device: str
    precision: str
    placement: str = ""
    agreement: Agreement | None = None
    milliseconds: dict[int, float] = field(default_factory=dict)
    """Of a batch, by its size; with the copies to the device and back."""
    open_s: float = 0.0
    """Until it was loaded and had run once; TensorRT builds its engine, the first time."""
    error: str = ""

    @property
    def best_batch(self) -> int:
        """The smallest that pays."""
        return CostCurve({size: ms / 1000 for size, ms in self.milliseconds.items()}).preferred

    @property
    def good(self) -> bool:
        return not self.error and self.agreement is not None and self.agreement.is_good(self.precision)


def measure(
    model: Model, device: str, pictures: Sequence[NDArray[np.uint8]], reference: list[Row], most_rows: int = MOST_ROWS
) -> Measured:
    """`reference` are the CPU's results for the pictures; it is filled where it is empty and the device the CPU."""
    kind = Device.parse(device)
    measured = Measured(f"{model.card.name} {model.version}", device, kind.precision)
    started = time.monotonic()
    try:
        session = open_session(model, device, 1)
    except DeviceUnavailable as error:
        measured.error = error.reason
        return measured
    measured.open_s = round(time.monotonic() - started, 2)
    measured.placement = "" if session.placement is None else str(session.placement)
    rows = rows_of(model, pictures)
    runner: SessionRunner[Row] = SessionRunner(lambda: session, BatchPolicy(most_rows, 0))
    runner.open()
    found = [result for row in rows for result in runner.run([row])]
    if not reference and kind.kind == "cpu":
        reference += found
    measured.agreement = compare(model.card.task, reference, found)
    if kind.kind == "tensorrt":  # its engine was built for what is served
        most_rows = min(most_rows, model.card.batch.max)
    measured.milliseconds = _timed(session, runner, rows, most_rows)
    return measured


def rows_of(model: Model, pictures: Sequence[NDArray[np.uint8]]) -> list[Row]:
    """The pictures as the model takes them."""
    spec = model.card.input_of(model.version)
    rows: list[Row] = []
    for picture in pictures:
        placement = place(picture.shape[1], picture.shape[0], spec)
        slot = np.zeros((placement.input_height, placement.input_width, 3), np.uint8)
        put(slot, picture, placement)
        rows.append((slot,))
    return rows


def _timed(session: ModelSession, runner: SessionRunner[Row], rows: Sequence[Row], most_rows: int) -> dict[int, float]:
    sizes = BatchPolicy(most_rows, 0).sizes if session.batched else [1]
    milliseconds = {}
    for size in sizes:
        batch = [rows[index % len(rows)] for index in range(size)]
        runner.run(batch)  # warms up
        taken = []
        for _ in range(RUNS):
            started = time.perf_counter()
            runner.run(batch)
            taken.append(1000 * (time.perf_counter() - started))
        milliseconds[size] = round(median(taken), 3)
    return milliseconds
