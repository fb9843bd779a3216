"""Secrets are seen by who asks for them, and by nobody else."""

import json

from pydantic import BaseModel

from vedette.secrets.secret import SecretText, SecretUrl


class Door(BaseModel):
    url: SecretUrl
    key: SecretText


DOOR = Door.model_validate({"url": "rtsp://u:hunter2@cam/1", "key": "hunter2"})


def test_every_way_of_showing_hides_it() -> None:
    shown = [
        str(DOOR),
        repr(DOOR),
        DOOR.model_dump_json(),
        str(DOOR.model_dump()),
        f"{DOOR.key}{DOOR.url}",
        f"{DOOR.key!r}",
    ]
    assert not any("hunter2" in text for text in shown)
    assert json.loads(DOOR.model_dump_json()) == {"url": "rtsp://***@cam/1", "key": "***"}


def test_reveal_gives_it() -> None:
    assert DOOR.url.reveal() == "rtsp://u:hunter2@cam/1"
    assert DOOR.key.reveal() == "hunter2"


def test_equal_secrets_are_equal() -> None:
    assert SecretText("a") == SecretText("a") != SecretText("b")
    assert len({SecretText("a"), SecretText("a")}) == 1
    assert SecretText("a") != "a"


def test_a_url_that_is_a_path_is_shown_as_it_is() -> None:
    assert str(SecretUrl("/videos/gate.mp4")) == "/videos/gate.mp4"


def test_a_password_in_the_path_or_the_query_of_a_url_is_hidden() -> None:
    assert str(SecretUrl("rtsp://cam/user=a_password=hunter2_channel=1.sdp")) == "rtsp://cam/***"
    assert str(SecretUrl("rtsp://cam/s?u=a&p=hunter2")) == "rtsp://cam/s?u=***&p=***"
