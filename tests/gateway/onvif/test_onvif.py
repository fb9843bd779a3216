"""ONVIF against a simulated device: who is there, its streams, its restart; wrong clocks, passwords and hostile XML."""

import asyncio
import datetime as dt
import json
import sys
from urllib.parse import quote

import aiohttp
import pytest

from gateway.fleet.recovery import Outage, Reboot, RecoveryFailed
from gateway.onvif import DeviceInfo, OnvifDevice, OnvifError, Profile, discover
from gateway.onvif.envelope import Credentials, envelope, parse, text_of
from tests.gateway.onvif.simulated_device import PASSWORD, USER, SimulatedDevice, simulated_device, soap
from vedette.secrets.secret import SecretUrl

URL = "rtsp://192.0.2.7:554/{}?profile=1&password=xxxxxx"
WITHIN_S = 0.3


def target(device: SimulatedDevice) -> tuple[str, int]:
    return ("127.0.0.1", device.probe_port)


async def test_a_device_that_answers_is_found_once_at_the_address_it_answers_from() -> None:
    async with simulated_device() as device:
        found = await discover(WITHIN_S + 1, target=target(device))  # asks twice
    assert [(f.endpoint, f.address, f.name, f.hardware, f.location) for f in found] == [
        ("urn:uuid:1234", device.address, "Front door", "SIM-1", None)
    ]


async def test_nobody_there_is_no_error() -> None:
    async with simulated_device() as device:
        device.match = b"<not-soap"
        assert await discover(WITHIN_S, target=target(device)) == []


@pytest.mark.parametrize("media2", [False, True])
@pytest.mark.parametrize("ahead", [dt.timedelta(), dt.timedelta(hours=-7), dt.timedelta(days=400)])
async def test_its_streams_are_told_to_the_right_user_whatever_its_clock(media2: bool, ahead: dt.timedelta) -> None:
    async with simulated_device(ahead, media2) as device, aiohttp.ClientSession() as session:
        camera = OnvifDevice(session, device.address, USER, PASSWORD)
        profiles = await camera.profiles()
        information = await camera.information()
    assert profiles == [
        Profile("main", "Main", "H265" if media2 else "H264", 1920, 1080, 25.0, URL.format("main")),
        Profile("sub", "Sub", "H264", 640, 360, 25.0, URL.format("sub")),
    ]
    assert information == DeviceInfo("Vedette", "SIM-1", "1.0", "7")
    assert not any(PASSWORD in body or "s3cret" in body for body in device.bodies)


async def test_it_restarts_when_it_is_told_to() -> None:
    async with simulated_device() as device, aiohttp.ClientSession() as session:
        assert await OnvifDevice(session, device.address, USER, PASSWORD).reboot() == "Rebooting in 30 seconds"
        assert device.reboots == 1


async def test_a_device_that_says_nothing_of_restarting_does_not_restart() -> None:
    async with simulated_device() as device, aiohttp.ClientSession() as session:
        device.answer = soap("<Something/>")
        with pytest.raises(OnvifError, match="does not say that it restarts"):
            await OnvifDevice(session, device.address).reboot()


@pytest.mark.parametrize("year", [1, 9999])
async def test_a_clock_beyond_all_years_is_taken_for_none(year: int) -> None:
    date = f"<Date><Year>{year}</Year><Month>12</Month><Day>31</Day></Date>"
    time = "<Time><Hour>23</Hour><Minute>59</Minute><Second>59</Second></Time>"
    clock = f"<SystemDateAndTime><UTCDateTime>{time}{date}</UTCDateTime></SystemDateAndTime>"
    async with simulated_device() as device, aiohttp.ClientSession() as session:
        device.answer = soap(f"<GetSystemDateAndTimeResponse>{clock}</GetSystemDateAndTimeResponse>")
        assert await OnvifDevice(session, device.address, USER, PASSWORD).information()
        assert f">{dt.datetime.now(dt.UTC):%Y-}" in device.bodies[-1]


async def test_a_restart_is_an_action_of_recovery() -> None:
    outage = Outage("plant-1", "gate", 5, "offline", dt.datetime.now(dt.UTC))
    async with simulated_device() as device:
        at = f"@127.0.0.1:{device.port}/onvif/device_service"
        await Reboot(SecretUrl(f"http://{USER}:{quote(PASSWORD, safe='')}{at}")).act(outage)
        assert device.reboots == 1
        with pytest.raises(RecoveryFailed, match="wrong user name or password") as caught:
            await Reboot(SecretUrl(f"http://{USER}:s3cret{at}")).act(outage)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(("user", "password"), [(None, ""), (USER, "wrong"), ("nobody", PASSWORD)])
async def test_a_wrong_password_is_said_without_it(user: str | None, password: str) -> None:
    async with simulated_device() as device, aiohttp.ClientSession() as session:
        with pytest.raises(OnvifError, match="wrong user name or password") as caught:
            await OnvifDevice(session, device.address, user, password).reboot()
    assert device.reboots == 0
    assert "wrong user" in str(caught.value) and PASSWORD not in str(caught.value)
    assert PASSWORD not in repr(Credentials(USER, PASSWORD))


BILLION_LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body>&b;</e:Body></e:Envelope>"""
FILE = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body>&a;</e:Body></e:Envelope>"""


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (BILLION_LAUGHS, "has a DTD"),
        (FILE, "has a DTD"),
        (FILE.decode().encode("utf-16"), "no XML"),
        (b'<?xml version="1.0" encoding="cp037"?>' + FILE.decode().encode("cp037"), "no XML"),
        (b"<html>not found</html>", "no SOAP message"),
        (b"", "no XML"),
        (b"\xff\x00" * 50, "no XML"),
        (b"<a>" * 100_000, "no XML"),
        (b"x" * (1 << 20) + b"x", "over 1 MiB"),
    ],
)
async def test_hostile_answers_are_refused_with_a_reason(answer: bytes, text: str) -> None:
    async with simulated_device() as device, aiohttp.ClientSession() as session:
        device.answer = answer
        with pytest.raises(OnvifError, match=text):
            await OnvifDevice(session, device.address).reboot()


async def test_what_a_device_says_of_itself_commands_no_terminal() -> None:
    async with simulated_device() as device:
        sane = device.probe_match(soap("<MessageID>1</MessageID>dn:NetworkVideoTransmitter"))
        device.match = sane.replace(b"Front%20door", b"Front%0a%1b%5b31m%c2%9bdoor")
        (found,) = await discover(WITHIN_S, target=target(device))
    assert found.name == "Front  [31m door"
    assert text_of(parse(soap("<Name>Front\n&#x9b;31m</Name>")), "Name") == "Front  31m"


def test_numbers_that_are_none_and_endless_lists_do_no_harm() -> None:
    body = parse(soap("<x><Width>1e400</Width></x>"))
    assert body[0].tag == "x"
    assert parse(envelope("<deep>" * 5000 + "</deep>" * 5000)) is not None


async def test_the_command_lists_cameras_and_streams() -> None:
    async with simulated_device() as device:
        plain = await command(device, "--user", USER, "--password-file", "-")
        as_json = await command(device, "--user", USER, "--password-file", "-", "--json")
        without = await command(device)
    lines = plain.splitlines()
    assert lines[0].startswith(device.address) and "Front door, SIM-1" in lines[0]
    assert lines[1] == "  H264 1920x1080 at 25 fps  rtsp://192.0.2.7:554/main?profile=1&password=***"
    assert [stream["width"] for stream in json.loads(as_json)["streams"]] == [1920, 640]
    assert "wrong user name or password" in without


async def command(device: SimulatedDevice, *arguments: str) -> str:
    """What `vedette cameras discover` prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "vedette", "cameras", "discover", "--timeout", "0.3"),
        *("--target", f"127.0.0.1:{device.probe_port}", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await asyncio.wait_for(process.communicate(PASSWORD.encode() + b"\n"), 90)
    assert process.returncode == 0, errors.decode()
    return out.decode()
