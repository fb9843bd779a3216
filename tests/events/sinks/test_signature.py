"""Signatures: the example of the Standard Webhooks libraries, and the receiver that the documentation shows."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from events.sinks.signature import webhook_headers, webhook_id
from vedette.config.sinks_settings import secret_key
from vedette.secrets.secret import SecretText

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
DOCUMENT = Path(__file__).parents[3] / "docs" / "sinks.md"


@pytest.fixture
def verified() -> Callable[..., bool]:
    """The function in the documentation, as it stands there."""
    (source,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(source, names)  # noqa: S102 -- the documentation is ours
    function: Callable[..., bool] = names["verified"]
    return function


def test_the_known_example_has_the_known_signature() -> None:
    headers = webhook_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330.7, b'{"test": 2432232314}', [secret_key(SecretText(SECRET))]
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


def test_the_documented_receiver_takes_what_is_signed_and_nothing_else(verified: Callable[..., bool]) -> None:
    keys = [secret_key(SecretText(secret)) for secret in (OTHER, SECRET)]
    headers = webhook_headers("a/1", time.time(), b"{}", keys)
    assert verified(headers, b"{}", SECRET)
    assert verified(headers, b"{}", OTHER)
    assert not verified(headers, b"{ }", SECRET)
    assert not verified(headers | {"webhook-id": "a/2"}, b"{}", SECRET)
    assert not verified(webhook_headers("a/1", time.time() - 301, b"{}", keys), b"{}", SECRET)
    assert not verified(webhook_headers("a/1", time.time(), b"{}", keys[:1]), b"{}", SECRET)


@pytest.mark.parametrize(
    "text", ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_é", "whsec_a b"]
)
def test_what_is_no_secret_of_the_specification_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="24 to 64 bytes in base64") as caught:
        secret_key(SecretText(text))
    assert text.removeprefix("whsec_") not in str(caught.value).replace("whsec_ and", "") or text == "whsec_"


def test_what_separates_the_signed_parts_is_not_in_an_id() -> None:
    assert webhook_id("plant-1/gate/people/4-1/input.change") == "plant-1/gate/people/4-1/input-change"
    assert webhook_id("a\r\nx-evil: b") == "a--x-evil--b"
