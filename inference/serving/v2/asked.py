"""An inference request as both transports hand it over, and its answer."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

from inference.repository.model import Model
from inference.serving.refusal import Refused

DEFAULT_PRIORITY = 5
"""Of a request that asks for none, or for 0."""
_MAX_INTEGER = 1 << 63


class Tensor(NamedTuple):
    """A named tensor, with the datatype as it was sent."""

    name: str
    datatype: str
    array: NDArray[Any]


class Output(NamedTuple):
    """An output that is asked for."""

    name: str
    binary: bool = True
    classes: int = 0
    """The so many highest-valued classes are answered, in place of the tensor; 0: the tensor."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long a request may wait, and before whom."""

    timeout_s: float | None = None
    priority: int = DEFAULT_PRIORITY
    delay: bool = False
    """Once it is late it is served all the same, after all others; else it is refused."""


NO_SCHEDULE = Schedule()


@dataclass(frozen=True, slots=True)
class Asked:
    """One inference request."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Output, ...] = ()
    """None: all of the model's."""
    binary: bool = True
    """How all of them are wanted."""
    id: str = ""
    schedule: Schedule = NO_SCHEDULE


@dataclass(frozen=True, slots=True)
class Answered:
    """Its answer: the outputs that were asked for, in that order."""

    model: Model
    outputs: list[tuple[Output, NDArray[Any]]]


def schedule_of(parameters: dict[str, Any]) -> Schedule:
    """The schedule that a request's parameters ask for. Raises Refused."""
    if not parameters.keys() & {"priority", "timeout", "timeout_action"}:
        return NO_SCHEDULE
    timeout_us = _integer(parameters, "timeout")
    action = parameters.get("timeout_action", "reject")
    if action not in ("reject", "delay"):
        raise Refused("invalid", "parameters: timeout_action is reject or delay")
    return Schedule(
        timeout_us / 1e6 if timeout_us else None,
        _integer(parameters, "priority") or DEFAULT_PRIORITY,
        action == "delay",
    )


def _integer(parameters: dict[str, Any], key: str) -> int:
    """0 where it is not there."""
    value = parameters.get(key, 0)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if type(value) is not int or not 0 <= value < _MAX_INTEGER:
        raise Refused("invalid", f"parameters: {key} is a whole number, 0 or more")
    return value
