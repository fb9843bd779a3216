"""Ids are single tokens of a subject, and any host name can be made one."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from vedette.ids import as_id, default_site, is_id


@given(some.text())
def test_any_text_can_be_made_an_id(text: str) -> None:
    assert is_id(as_id(text))


@given(some.from_regex(r"[a-z0-9][a-z0-9_-]{0,61}[a-z0-9]", fullmatch=True))
def test_an_id_stays_as_it_is(text: str) -> None:
    assert as_id(text) == text


@pytest.mark.parametrize("text", ["", "-a", "_a", "A", "a.b", "a b", "a\n", "é", "a" * 64, "a/b", "*", ">"])
def test_what_is_no_token_is_no_id(text: str) -> None:
    assert not is_id(text)


def test_a_host_name_becomes_lower_case_with_dashes() -> None:
    assert as_id("Plant-1.Example.COM") == "plant-1-example-com"
    assert as_id("...") == "site"
    assert is_id(default_site())
