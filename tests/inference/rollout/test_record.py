import pytest
from pydantic import ValidationError

from inference.rollout.record import Record, RolloutRefused, promoted, rolled_back
from inference.rollout.settings import Rollout


def test_a_record_is_read_as_it_was_written() -> None:
    record = Record(stable="1.0.0", candidate="1.1.0", share=0.25, shadow="1.2.0", sample=0.5, previous="0.9.0")
    assert Record.decode(record.encode()) == record


def test_fields_of_a_later_release_are_ignored() -> None:
    assert Record.decode(b'{"stable": "1.0.0", "until": "noon"}') == Record(stable="1.0.0")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b"", "Invalid JSON"),
        (b"[]", "should be an object"),
        (b'{"share": 0.5}', "stable: Field required"),
        (b'{"stable": "1.0.0", "candidate": "1.1.0", "share": 1.5}', "share"),
        (b'{"stable": "1.0.0", "share": 0.5}', "a share needs a candidate"),
        (b'{"stable": "1.0.0", "candidate": "1.0.0"}', "1.0.0 can't be two of stable, candidate and shadow at a time"),
        (b'{"stable": "../etc"}', "stable"),
    ],
)
def test_what_is_no_record_is_refused_with_the_reason(value: bytes, says: str) -> None:
    with pytest.raises(RolloutRefused, match=says):
        Record.decode(value)


def test_promotion_makes_the_candidate_stable_and_remembers_the_one_before() -> None:
    record = Record(stable="1.0.0", candidate="1.1.0", share=0.25, shadow="1.2.0", sample=0.5)
    after = promoted(record)
    assert after == Record(stable="1.1.0", shadow="1.2.0", sample=0.5, previous="1.0.0")
    assert rolled_back(after, "0.1.0") == Record(stable="1.0.0", shadow="1.2.0", sample=0.5)


def test_without_a_candidate_nothing_is_promoted() -> None:
    with pytest.raises(RolloutRefused, match="no candidate"):
        promoted(Record(stable="1.0.0"))


def test_a_return_ends_the_candidate_first() -> None:
    record = Record(stable="1.1.0", candidate="1.2.0", share=0.25, previous="1.0.0")
    assert rolled_back(record, None) == Record(stable="1.1.0", previous="1.0.0")


def test_without_a_promotion_it_returns_to_the_next_older_version() -> None:
    assert rolled_back(Record(stable="1.1.0", shadow="1.0.0"), "1.0.0") == Record(stable="1.0.0")
    with pytest.raises(RolloutRefused, match="nothing to roll back to"):
        rolled_back(Record(stable="1.0.0"), None)


@pytest.mark.parametrize("share", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_share_is_a_fraction(share: float) -> None:
    with pytest.raises(ValidationError):
        Rollout(candidate="1.1.0", share=share)
