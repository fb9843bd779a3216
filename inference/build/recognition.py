"""Which head a network has, from the shapes of what it gives."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from inference.build.heads import HEADS, Head
from inference.build.heads.head import Options, Raw, Unfit
from inference.errors import ModelError


def recognise(raw: Raw, name: str | None, given: Mapping[str, Any], where: str) -> tuple[Head, Options]:
    """The head and all its options; `name` and the options `given` were asked for. Raises ModelError, which says why
    it is none, or which of several must be named."""
    if name is not None:
        return _named(raw, name, given, where)
    fitting, reasons = [], []
    for head in HEADS.values():
        try:
            fitting.append((head, head.recognise(raw, given)))
        except Unfit as reason:
            reasons.append(f"  {head.name}: {reason}")
        except ValidationError:
            reasons.append(f"  {head.name}: has no such options")
    if len(fitting) == 1:
        return fitting[0]
    outputs = ", ".join(f"{output} {list(shape)}" for output, shape in raw.outputs.items())
    found = f"{where}: for a picture of {raw.width}x{raw.height} it gives {outputs}"
    if fitting:
        names = " or ".join(head.name for head, _ in fitting)
        raise ModelError(f"{found}; that may be {names}: pass --head")
    raise ModelError("\n".join([f"{found}; that is none of the heads:", *reasons]))


def _named(raw: Raw, name: str, given: Mapping[str, Any], where: str) -> tuple[Head, Options]:
    head = HEADS.get(name)
    if head is None:
        raise ModelError(f"--head {name}: there are {', '.join(HEADS)}")
    try:
        return head, head.recognise(raw, given)
    except Unfit as reason:
        outputs = ", ".join(f"{output} {list(shape)}" for output, shape in raw.outputs.items())
        raise ModelError(f"{where}: it is not {name}: {reason}; for a picture it gives {outputs}") from None
    except ValidationError as error:
        raise ModelError(f"--options of {name}: {'; '.join(_faults(error))}") from None


def _faults(error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_input=False):
        place = ".".join(str(part) for part in fault["loc"])
        yield f"{place}: {fault['msg'].removeprefix('Value error, ')}" if place else fault["msg"]
