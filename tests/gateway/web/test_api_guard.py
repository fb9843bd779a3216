"""Who may use the API."""

from collections.abc import Mapping

import pytest
from aiohttp.test_utils import make_mocked_request

from gateway.api.guard import Guard
from gateway.web.problem import HttpProblem
from vedette.config.listen_settings import Address
from vedette.secrets.secret import SecretText

LOOPBACK, EVERYWHERE = Address(host="127.0.0.1", port=8080), Address(host="0.0.0.0", port=8080)
TOKEN = SecretText("t0ken-ü")


def outcome(guard: Guard, changes: bool, headers: Mapping[str, str]) -> int:
    request = make_mocked_request("POST", "/api/v1/cameras", headers={"Host": "127.0.0.1:8080", **headers})
    try:
        guard.check(request, changes)
    except HttpProblem as problem:
        return problem.status
    return 200


@pytest.mark.parametrize("listen", [LOOPBACK, EVERYWHERE])
@pytest.mark.parametrize("changes", [True, False])
@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer t0ken-ü", 200),
        ("bearer t0ken-ü", 200),
        ("Bearer t0ken-", 401),
        ("Bearer ", 401),
        ("t0ken-ü", 401),
        ("Basic t0ken-ü", 401),
    ],
)
def test_where_there_is_a_token_everybody_needs_it(
    listen: Address, changes: bool, authorization: str, status: int
) -> None:
    assert outcome(Guard(TOKEN, listen), changes, {"Authorization": authorization}) == status
    assert outcome(Guard(TOKEN, listen), changes, {}) == 401


def test_without_a_token_changes_come_from_this_machine_only() -> None:
    assert outcome(Guard(None, EVERYWHERE), True, {}) == 403
    assert outcome(Guard(None, EVERYWHERE), False, {"Host": "gateway.example"}) == 200
    assert outcome(Guard(None, LOOPBACK), True, {}) == 200


def test_without_a_token_pictures_are_for_this_machine_only() -> None:
    request = make_mocked_request("GET", "/api/v1/live", headers={"Host": "127.0.0.1:8080"})
    assert Guard(None, LOOPBACK).check(request, changes=False, private=True).role == "admin"
    shut = Guard(None, EVERYWHERE)
    assert (shut.shut, shut.is_open) == (True, False)
    with pytest.raises(HttpProblem, match="pictures and events need"):
        shut.check(request, changes=False, private=True)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:8080"}, 200),
        ({"Host": "[::1]:8080"}, 200),
        ({"Host": "rebound.example:8080"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Origin": "http://127.0.0.1:8080"}, 200),
        ({"Origin": "https://page.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors"}, 200),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Origin": "http://[::1"}, 403),
    ],
)
def test_without_a_token_no_web_page_gets_in(headers: dict[str, str], status: int) -> None:
    assert outcome(Guard(None, LOOPBACK), False, headers) == status


def test_a_token_is_as_good_for_a_web_page_as_for_anybody() -> None:
    headers = {"Authorization": "Bearer t0ken-ü", "Origin": "https://console.example", "Host": "gateway.example"}
    assert outcome(Guard(TOKEN, EVERYWHERE), True, headers) == 200
