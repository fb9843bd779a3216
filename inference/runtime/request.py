"""A row on its way through the batcher, and the answer it gets."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from inference.errors import InferenceError
from inference.runtime.batching import Item
from inference.runtime.rows import Row

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Inferred(Generic[R]):
    """A row's result, and where its time went."""

    result: R
    queue_s: float
    """From `submit` until its batch was formed."""
    infer_s: float
    """The run of the whole batch, its assembly included."""
    batch_size: int


@dataclass(eq=False, slots=True, kw_only=True)
class Request(Item, Generic[R]):
    """A row and the future of its answer, which may be cancelled at any time."""

    row: Row
    answer: asyncio.Future[Inferred[R]]
    protocol: str = ""
    """How it came, for the account alone."""

    def resolve(self, inferred: Inferred[R]) -> None:
        if not self.answer.done():
            self.answer.set_result(inferred)

    def fail(self, error: InferenceError) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


def fail_all(requests: Sequence[Request[Any]], error: type[InferenceError], reason: str) -> None:
    """An exception of its own for each, since each is raised in another task."""
    for request in requests:
        request.fail(error(reason))
