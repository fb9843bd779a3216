"""What a receiver says of when to come again, and what is said of one that does not answer."""

import datetime as dt
from pathlib import Path

import pytest

from vedette.config.camera_settings import Tls
from vedette.errors import ConfigError
from vedette.http.post import PostFailed, post, post_session, retry_after_s
from vedette.secrets.secret import SecretUrl, WebhookUrl

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("99999999999999999999", 3600.0),
        ("Sun, 22 Nov 2026 12:02:00 GMT", 120.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
        ("Sun, 22 Nov 2026 12:02:00 +99999999999999999999", None),
        ("soon", None),
        ("-1", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_or_a_date_and_an_hour_at_most(said: str | None, wait_s: float | None) -> None:
    assert retry_after_s(said, NOW) == wait_s


async def test_a_connection_that_is_refused_is_said_without_the_url() -> None:
    async with post_session(10) as session:
        with pytest.raises(PostFailed) as caught:
            await post(session, SecretUrl("http://user:s3cret@127.0.0.1:1/?token=t0ken"), b"{}", {})
    assert str(caught.value) == "no connection: Connection refused"


async def test_certificates_that_can_not_be_read_are_an_error_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for name, why in (("ca.pem", "holds no certificates"), ("none.pem", "No such file")):
        with pytest.raises(ConfigError, match=why):
            async with post_session(10, Tls(ca=tmp_path / name)):
                pass


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example.com/services/T000/B000/XXXX", "https://hooks.example.com/***"),
        ("https://user:s3cret@hooks.example.com:8443/x?token=y", "https://***@hooks.example.com:8443/***"),
        ("https://hooks.example.com?key=y", "https://hooks.example.com/***"),
        ("https://hooks.example.com/", "https://hooks.example.com/"),
    ],
)
def test_of_a_webhook_only_the_host_is_shown(url: str, shown: str) -> None:
    assert (str(WebhookUrl(url)), repr(WebhookUrl(url))) == (shown, f"WebhookUrl('{shown}')")
