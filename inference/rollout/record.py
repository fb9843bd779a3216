"""A model's roll-out as it lies in the KV bucket `vedette-rollouts`, and what promotion and return make of it. Pure."""

from pydantic import BaseModel, ConfigDict, ValidationError

from inference.errors import InferenceError
from inference.rollout.settings import Rollout, Share, Version


class RolloutRefused(InferenceError):
    """A roll-out can't be what somebody wants it to be; the text says why."""

    exit_status = 2


class Record(BaseModel):
    """The whole value of a key. Fields that a later release adds are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stable: Version
    """It is held, though newer versions may come."""
    candidate: Version | None = None
    share: Share = 0.0
    shadow: Version | None = None
    sample: Share = 0.1
    previous: Version | None = None
    """What was stable before the last promotion: `rolled_back` returns to it."""

    @property
    def rollout(self) -> Rollout:
        """The same as settings. Raises ValidationError if it contradicts itself: somebody else has written it."""
        return Rollout(**self.model_dump(exclude={"previous"}))

    def encode(self) -> bytes:
        """As it is stored."""
        return self.model_dump_json(exclude_none=True).encode()

    @classmethod
    def decode(cls, value: bytes) -> "Record":
        """Raises RolloutRefused for what is no record."""
        try:
            record = cls.model_validate_json(value)
            _ = record.rollout
        except ValidationError as error:
            raise RolloutRefused(faults(error)) from None
        return record


def faults(error: ValidationError) -> str:
    """What is wrong, by key."""
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'the roll-out'}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors(include_input=False, include_url=False)
    )


def promoted(record: Record) -> Record:
    """The candidate is stable from now on, for all cameras. Raises RolloutRefused if there is none."""
    if record.candidate is None:
        raise RolloutRefused("there is no candidate to promote")
    return Record(stable=record.candidate, shadow=record.shadow, sample=record.sample, previous=record.stable)


def rolled_back(record: Record, older: str | None) -> Record:
    """Without the candidate; where there is none, with the stable version before this one, or else the next `older`.

    Raises RolloutRefused if there is nothing to return to.
    """
    if record.candidate is not None:
        return record.model_copy(update={"candidate": None, "share": 0.0})
    target = record.previous or older
    if target is None:
        raise RolloutRefused(f"there is nothing to roll back to: no candidate, and no version before {record.stable}")
    shadow = None if record.shadow == target else record.shadow
    return Record(stable=target, shadow=shadow, sample=record.sample)
