"""What all parts of the configuration are made of."""

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from vedette.documented import Documented

Fraction = Annotated[float, Field(ge=0, le=1)]


def _flag(value: Any) -> Any:
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else value


Flag = Annotated[bool, Field(strict=True), BeforeValidator(_flag)]
"""true or false; `on`, `yes` and 1 are words and numbers here, as in YAML 1.2."""


class Settings(Documented):
    """What all parts of the configuration have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
