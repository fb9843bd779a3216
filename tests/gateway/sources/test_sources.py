"""Sources beside plain RTSP: tunnels, TLS, MJPEG over HTTP, HLS, devices. All are read by the one reader."""

import asyncio
import threading
from pathlib import Path

import pytest

from gateway.errors import Reason, SourceError
from gateway.reading.interface import ReadOptions
from gateway.reading.reader import Reader
from gateway.reading.sampler import Sampling
from gateway.simulator import Credentials, SimulatedCamera, Simulator, SimulatorSettings
from gateway.sources.tls import Tls
from tests.gateway.certificates import Certificate, self_signed
from tests.gateway.proxy import relayed
from tests.gateway.run_reader import WALK, Witness, output, running
from tests.gateway.web_cameras import live_playlist, web_camera
from tests.waiting import until

QUICK = {"open_timeout_s": 3.0, "stall_s": 0.8, "dead_s": 1.6}


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return self_signed(tmp_path, "localhost", "127.0.0.1")


def simulated(credentials: Credentials | None = None) -> Simulator:
    return Simulator([SimulatedCamera("gate", WALK, 25)], SimulatorSettings(credentials=credentials))


def failure(url: str, **options: object) -> SourceError:
    """The error with which reading `url` ends; blocks."""
    reader = Reader(url, [output()], Witness().take, Witness(), ReadOptions(**options))  # type: ignore[arg-type]
    with pytest.raises(SourceError) as caught:
        reader.run(threading.Event())
    assert "s3cret" not in str(caught.value)
    return caught.value


in_thread = asyncio.to_thread


async def test_sound_is_never_set_up() -> None:
    camera = Simulator([SimulatedCamera("gate", WALK, 25, audio=True)])  # which refuses sound to who asks for it
    async with camera, running(camera.url("gate")) as run:
        await run.until(lambda: len(run.frames) >= 3)
    assert run.reader.stats.corrupt == 0


async def test_rtsp_comes_through_http() -> None:
    camera, options = simulated(Credentials("op", "pw")), ReadOptions(transport="http")
    async with camera, running(camera.url("gate"), options=options) as run:
        await run.until(lambda: len(run.frames) >= 10)
    assert run.infos[0].transport == "http"
    assert {frame.clock for frame in run.frames[2:]} == {"rtcp"}


async def test_rtsps_is_read_where_the_certificate_is_trusted(certificate: Certificate) -> None:
    options = ReadOptions(tls=Tls(ca=certificate.pem))
    async with (
        simulated(Credentials("op", "s3cret")) as camera,
        relayed(camera.port, certificate) as front,
        running(f"rtsps://op:s3cret@localhost:{front.port}/gate", options=options) as run,
    ):
        await run.until(lambda: len(run.frames) >= 5)
    assert run.infos[0].transport == "tcp"


async def test_rtsp_comes_through_https_only_where_certificates_are_not_checked(certificate: Certificate) -> None:
    """FFmpeg checks the tunnel's first connection alone, and the requests go over the second."""
    async with simulated(Credentials("op", "s3cret")) as camera, relayed(camera.port, certificate) as front:
        url = f"rtsps://op:s3cret@localhost:{front.port}/gate"
        refused = await in_thread(failure, url, transport="http", tls=Tls(ca=certificate.pem))
        assert refused.reason is Reason.CERTIFICATE
        async with running(url, options=ReadOptions(transport="http", tls=Tls(verify=False))) as run:
            await run.until(lambda: len(run.frames) >= 5)
    assert run.infos[0].transport == "https"


async def test_hls_over_https_is_read_only_where_certificates_are_not_checked(
    certificate: Certificate, tmp_path: Path
) -> None:
    """FFmpeg fetches the segments without looking at their server's certificate."""
    folder = tmp_path / "live"
    folder.mkdir()
    (folder / "list").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\na.ts\n#EXT-X-ENDLIST\n")
    checked = Tls(ca=certificate.pem)
    async with live_playlist(WALK, folder) as playlist, web_camera(certificate=certificate, folder=folder) as server:
        base = f"https://localhost:{server.port}/files/"
        assert (await in_thread(failure, base + playlist.name, tls=checked)).reason is Reason.CERTIFICATE
        assert (await in_thread(failure, base + "list", tls=checked)).reason is Reason.UNDECODABLE
        async with running(base + playlist.name, options=ReadOptions(tls=Tls(verify=False))) as run:
            await run.until(lambda: len(run.frames) >= 3)


@pytest.mark.parametrize("transport", ["auto", "tcp"])
async def test_a_certificate_that_is_not_trusted_ends_the_connection(transport: str, certificate: Certificate) -> None:
    async with simulated() as camera, relayed(camera.port, certificate) as front:
        url = f"rtsps://op:s3cret@localhost:{front.port}/gate"
        error = await in_thread(failure, url, transport=transport)
        assert error.reason is Reason.CERTIFICATE
        assert "self-signed certificate" in str(error)
        options = ReadOptions(transport=transport, tls=Tls(verify=False))  # type: ignore[arg-type]
        async with running(url, options=options) as run:
            await run.until(lambda: len(run.frames) >= 2)


async def test_a_trusted_certificate_of_another_host_or_of_yesterday_ends_the_connection(tmp_path: Path) -> None:
    cases = {
        self_signed(tmp_path, "camera.example"): "Hostname mismatch",
        self_signed(tmp_path, "localhost", days=-1): "certificate has expired",
    }
    for certificate, text in cases.items():
        async with simulated() as camera, relayed(camera.port, certificate) as front:
            url = f"rtsps://localhost:{front.port}/gate"
            error = await in_thread(failure, url, tls=Tls(ca=certificate.pem))
        assert error.reason is Reason.CERTIFICATE
        assert text in str(error)


async def test_a_missing_authority_and_a_server_without_tls_are_named(tmp_path: Path, certificate: Certificate) -> None:
    async with web_camera() as plain_server, web_camera(certificate=certificate) as server:
        options = {"tls": Tls(ca=tmp_path / "none.pem")}
        missing = await in_thread(failure, f"https://localhost:{server.port}/video.mjpg", **options)
        plain = await in_thread(failure, f"https://localhost:{plain_server.port}/video.mjpg")
    assert (missing.reason, plain.reason) == (Reason.CERTIFICATE, Reason.PROTOCOL)
    assert "none.pem: No such file" in str(missing)
    assert "does not speak TLS" in str(plain)


async def test_mjpeg_over_http_has_the_times_of_its_arrival() -> None:
    async with (
        web_camera(fps=20, user="op:s3cret") as camera,
        running(f"http://op:s3cret@127.0.0.1:{camera.port}/video.mjpg", Sampling(5)) as run,
    ):
        await run.until(lambda: len(run.frames) >= 6)
    assert (run.infos[0].codec, run.infos[0].transport) == ("mjpeg", "http")
    first, last = run.frames[0], run.frames[5]
    assert first.pts_s is not None and last.pts_s is not None
    assert last.pts_s - first.pts_s == pytest.approx(1.0, abs=0.2)  # FFmpeg's made-up 25 fps would say 0.8
    assert run.reader.stats.packets < 50


async def test_a_web_camera_that_falls_silent_stalls_and_one_that_is_stopped_lets_go() -> None:
    async with web_camera() as camera:
        url = f"http://127.0.0.1:{camera.port}/video.mjpg"
        async with running(url, options=ReadOptions(stall_s=0.5, dead_s=20)) as run:
            await run.until(lambda: len(run.frames) >= 3)
            camera.passing.clear()
            await run.until(lambda: bool(run.stalls))
            camera.passing.set()
            await run.until(lambda: run.lives == 2)
            camera.passing.clear()
            assert await run.stopped_after() < 4.5  # though FFmpeg waits in the socket
        camera.passing.set()
        await until(lambda: not camera.viewers, "the connection is closed")


async def test_https_checks_the_certificate_too(certificate: Certificate) -> None:
    async with web_camera(certificate=certificate) as camera:
        url = f"https://localhost:{camera.port}/video.mjpg"
        assert (await in_thread(failure, url)).reason is Reason.CERTIFICATE
        async with running(url, options=ReadOptions(tls=Tls(ca=certificate.pem))) as run:
            await run.until(lambda: len(run.frames) >= 2)
    assert run.infos[0].transport == "https"


async def test_what_a_web_server_may_answer_has_its_reason() -> None:
    async with web_camera(user="op:s3cret") as camera:
        base = f"http://op:s3cret_too@127.0.0.1:{camera.port}"
        reasons = {path: (await in_thread(failure, base + path)).reason for path in ("/video.mjpg", "/none", "/")}
        rtsp = await in_thread(failure, f"rtsp://127.0.0.1:{camera.port}/video.mjpg")
    assert reasons == {"/video.mjpg": Reason.UNAUTHORIZED, "/none": Reason.NOT_FOUND, "/": Reason.UNDECODABLE}
    assert rtsp.reason is Reason.PROTOCOL
    assert "a web server answers there" in str(rtsp)


async def test_live_hls_is_read_at_the_pace_of_its_pictures(tmp_path: Path) -> None:
    async with live_playlist(WALK, tmp_path) as playlist, web_camera(folder=tmp_path) as server:
        url = f"http://127.0.0.1:{server.port}/files/{playlist.name}"
        async with running(url, Sampling(5)) as run:
            await run.until(lambda: len(run.frames) >= 18)
    assert run.infos[0].codec == "h264"
    span_s = run.frames[-1].arrived_monotonic - run.frames[0].arrived_monotonic
    assert span_s > 2.5  # by the segment they would come in bursts
    assert run.reader.stats.corrupt == 0


async def test_a_playlist_reaches_no_file_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "evil.m3u8").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfile://{WALK}\n#EXT-X-ENDLIST\n"
    )
    async with web_camera(folder=tmp_path) as server:
        error = await in_thread(failure, f"http://127.0.0.1:{server.port}/files/evil.m3u8", open_timeout_s=2.0)
    assert error.reason in (Reason.UNDECODABLE, Reason.NO_VIDEO, Reason.UNSUPPORTED_URL)


def test_a_device_that_is_none_is_told_from_one_that_is_missing(tmp_path: Path) -> None:
    assert failure("/dev/video97").reason is Reason.NOT_FOUND
    assert "no such device" in str(failure("v4l2:///dev/video97"))


def test_what_ffmpeg_has_not_is_said() -> None:
    assert failure("srt://127.0.0.1:9000").reason is Reason.UNSUPPORTED_URL
    assert "would not be encrypted" in str(failure("rtsps://localhost/x", transport="udp"))
