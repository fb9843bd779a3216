"""Bodies and headers of strangers: read rightly, or refused; never anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.serving.refusal import Refused
from inference.serving.vision.media import Wanted, newest, wanted
from inference.serving.vision.multipart import read_parts

FORM = "multipart/form-data; boundary=limit"


@given(st.lists(st.binary(max_size=200).filter(lambda data: b"--limit" not in data), min_size=1, max_size=5))
def test_parts_come_out_as_they_went_in(datas: list[bytes]) -> None:
    header = b'Content-Disposition: form-data; name="file"; filename="a b.jpg"\r\nContent-Type: image/jpeg'
    body = b"".join(b"--limit\r\n" + header + b"\r\n\r\n" + data + b"\r\n" for data in datas) + b"--limit--\r\n"
    parts = read_parts(FORM, body, 5)
    assert [part.data for part in parts] == datas
    assert {(part.name, part.filename) for part in parts} == {("file", "a b.jpg")}
    if len(datas) > 1:
        with pytest.raises(Refused, match="more than"):
            read_parts(FORM, body, len(datas) - 1)


PIECES = (b"--limit", b"--limit--", b"\r\n", b"\r\n\r\n", b"Content-Disposition: form-data; name=x", b"\xff\xd8", b"-")


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=8), max_size=12).map(b"".join), st.text(max_size=30))
def test_whatever_comes_is_parts_or_refused(body: bytes, boundary: str) -> None:
    for content_type in (FORM, f"multipart/form-data; boundary={boundary}"):
        try:
            parts = read_parts(content_type, body, 4)
        except Refused:
            continue
        assert len(parts) <= 4


@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from(["application/json", "*/*", ";q=", "0.5", ",", "v2+json", "nan", "-1"])).map("".join)
)
def test_whatever_is_accepted_is_understood_or_not(accept: str) -> None:
    assert isinstance(wanted(accept), tuple)


def test_the_best_that_is_accepted_comes_first() -> None:
    kind = "application/vnd.vedette.vision.v"
    assert wanted("") == (Wanted("json", None),)
    assert wanted(f"text/html, application/x-ndjson;q=0.5, {kind}2.1+json;q=0.9, */*;q=0") == (
        Wanted("json", (2, 1)),
        Wanted("x-ndjson", None),
    )
    assert wanted("image/png") == ()
    assert newest((2,), ["1.0.0", "2.9.0", "2.10.0", "3.0.0"]) == "2.10.0"
    assert newest((2, 1), ["2.10.0"]) is None
