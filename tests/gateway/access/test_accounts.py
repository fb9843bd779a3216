"""Accounts: by password, by token, and what a role may."""

import hashlib
import io
import subprocess
import sys

import pytest
from pydantic import ValidationError

from gateway.access.accounts import Accounts, Caller, hash_password, matches
from vedette.config.account_settings import ROLES, Account
from vedette.config.gateway_settings import Gateway
from vedette.secrets.secret import SecretText

PASSWORD, TOKEN = "correct horse ü", "vdg_token"
ANN = Account(name="ann", role="operator", password=hash_password(PASSWORD))
BOT = Account(name="bot", role="viewer", token_sha256=hashlib.sha256(TOKEN.encode()).hexdigest())


@pytest.fixture(scope="module")
def accounts() -> Accounts:
    return Accounts([ANN, BOT], SecretText("whole"))


@pytest.mark.parametrize(
    ("name", "given", "who"),
    [
        ("ann", PASSWORD, Caller("ann", "operator")),
        ("ann", PASSWORD + " ", None),
        ("ann", "", None),
        ("ann", TOKEN, None),  # another's
        ("bob", PASSWORD, None),
        ("bot", TOKEN, Caller("bot", "viewer")),
        ("", TOKEN, Caller("bot", "viewer")),
        ("", "whole", Caller("api_token", "admin")),
        ("ann", "whole", None),
        ("ann", "x" * 100_000, None),
        ("ann", "\udcff", None),
        ("ann", "\ud800", None),
    ],
)
def test_a_name_and_its_password_or_token_is_who_it_says(
    accounts: Accounts, name: str, given: str, who: Caller | None
) -> None:
    assert accounts.by_password(name, given) == who


def test_a_token_needs_no_name(accounts: Accounts) -> None:
    assert accounts.by_token(TOKEN) == Caller("bot", "viewer")
    assert accounts.by_token("whole") == Caller("api_token", "admin")
    assert accounts.by_token(PASSWORD) is None
    assert not Accounts([])


def test_a_role_may_what_those_before_it_may() -> None:
    may = {role: [Caller("x", role).may(other) for other in ROLES] for role in ROLES}
    assert may == {
        "viewer": [True, False, False],
        "operator": [True, True, False],
        "admin": [True, True, True],
    }


def test_two_digests_of_one_password_differ_and_both_fit() -> None:
    one, other = hash_password(PASSWORD), hash_password(PASSWORD)
    assert one != other
    assert matches(PASSWORD, one)
    assert matches(PASSWORD, other)


@pytest.mark.parametrize("log2_n", [60, 99])
def test_costs_that_no_machine_can_pay_let_nobody_in(log2_n: int) -> None:
    assert not matches(PASSWORD, hash_password(PASSWORD).replace("scrypt:15", f"scrypt:{log2_n}"))


def test_what_is_no_digest_lets_nobody_in() -> None:
    cut = hash_password(PASSWORD)[:-2]  # 41 characters of base64 are of no bytes
    Account(name="ann", password=cut)
    assert not matches(PASSWORD, cut)


def test_an_account_needs_a_secret_and_a_name_of_its_own() -> None:
    with pytest.raises(ValidationError, match="needs password or token_sha256"):
        Account(name="ann")
    with pytest.raises(ValidationError, match="two accounts have the same name"):
        Gateway(accounts=(ANN, ANN))
    with pytest.raises(ValidationError):
        Account(name="ann", password=PASSWORD)


def test_the_command_makes_an_entry_that_lets_its_owner_in(tmp_path_factory: pytest.TempPathFactory) -> None:
    command = [sys.executable, "-m", "vedette", "account", "ann", "--role", "operator"]
    made = subprocess.run(command, input=f"{PASSWORD}\n", capture_output=True, text=True, timeout=60, check=True)
    digest = next(line for line in io.StringIO(made.stdout) if "password:" in line).split('"')[1]
    assert matches(PASSWORD, digest)
    short = subprocess.run(command, input="short\n", capture_output=True, text=True, timeout=60, check=False)
    assert (short.returncode, short.stdout) == (2, "")
