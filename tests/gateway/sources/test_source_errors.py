"""Every way in which a source can't be opened has its own reason, and no text holds a password."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import av
import av.error
import numpy as np
import pytest

from gateway.errors import GatewayError, Reason, SourceError
from gateway.reading.interface import ReadOptions
from gateway.reading.reader import Reader
from gateway.sources.diagnosis import diagnose
from gateway.sources.tls import CHECKED
from tests.free_ports import free_port
from tests.gateway.run_reader import PEDESTRIANS, WALK, Witness, output, read


def failure(url: Path | str, **options: float | str) -> SourceError:
    """The error with which reading `url` ends; its whole chain is free of the password."""
    reader = Reader(str(url), [output()], Witness().take, Witness(), ReadOptions(**options))  # type: ignore[arg-type]
    with pytest.raises(SourceError) as caught:
        reader.run(threading.Event())
    error: BaseException | None = caught.value
    while error is not None:
        assert "s3cret" not in repr(error) + str(error)
        error = error.__cause__ or error.__context__
    return caught.value


@contextmanager
def server(answer: str | None) -> Iterator[str]:
    """A URL at which every request gets this RTSP answer; None: the connection is closed, "": nothing is said."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                while answer is not None and (request := connection.recv(4096).decode()):
                    number = next(line for line in request.splitlines() if line.lower().startswith("cseq"))
                    if answer:
                        connection.sendall(f"RTSP/1.0 {answer}\r\n{number}\r\n\r\n".encode())

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"rtsp://admin:s3cret@127.0.0.1:{listening.getsockname()[1]}/gate"
        finally:
            listening.shutdown(socket.SHUT_RDWR)  # wakes accept; closing would not
            thread.join()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ('401 Unauthorized\r\nWWW-Authenticate: Digest realm="x", nonce="abc"', Reason.UNAUTHORIZED),
        ("403 Forbidden", Reason.UNAUTHORIZED),
        ("404 Not Found", Reason.NOT_FOUND),
        ("400 Bad Request", Reason.REJECTED),
        ("454 Session Not Found", Reason.REJECTED),
        ("503 Service Unavailable", Reason.REJECTED),
        ("", Reason.TIMEOUT),
        (None, Reason.UNDECODABLE),
    ],
)
def test_each_answer_of_a_server_has_its_reason(answer: str | None, reason: Reason) -> None:
    with server(answer) as url:
        error = failure(url, open_timeout_s=1.0)
    assert error.reason is reason
    assert error.retry_slowly == (reason is Reason.UNAUTHORIZED)
    assert "rtsp://***@127.0.0.1" in str(error)


def test_a_port_where_nothing_listens_refuses() -> None:
    assert failure(f"rtsp://admin:s3cret@127.0.0.1:{free_port()}/gate").reason is Reason.REFUSED


def test_an_unknown_host_is_unreachable() -> None:
    error = failure("rtsp://admin:s3cret@no.such.host.invalid/gate")
    assert error.reason is Reason.UNKNOWN_HOST
    assert "name is not known" in str(error)


def test_a_host_that_is_no_name_is_unknown() -> None:
    assert failure("rtsp://admin:s3cret@camera..local/gate").reason is Reason.UNKNOWN_HOST


@pytest.mark.parametrize("url", ["rtsp://admin:s3cret@[camera/gate", "rtsp://admin:s3cret/@camera/gate"])
def test_what_is_no_url_is_said_to_be_none(url: str) -> None:
    assert failure(url, transport="http").reason is Reason.UNSUPPORTED_URL


def test_a_black_hole_is_a_timeout_by_the_time_it_took() -> None:
    error = av.error.InvalidDataError(1094995529, "Invalid data found when processing input", "rtsp://a:s3cret@b")
    assert diagnose("rtsp://a:s3cret@b/c", error, elapsed_s=5.0, timeout_s=5.0, tls=CHECKED).reason is Reason.TIMEOUT


def test_an_unknown_kind_of_url_is_named() -> None:
    assert failure("quux://admin:s3cret@host/gate").reason is Reason.UNSUPPORTED_URL


def test_a_missing_file_a_directory_and_text_are_told_apart(tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("no video at all " * 100)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    reasons = [failure(path).reason for path in (tmp_path / "missing.mp4", tmp_path, text, empty)]
    assert reasons == [Reason.NOT_FOUND, Reason.UNREADABLE, Reason.UNDECODABLE, Reason.UNDECODABLE]


def test_a_file_url_is_a_file() -> None:
    assert len(read(WALK.as_uri())) == 30


@pytest.mark.parametrize("video", [WALK, PEDESTRIANS], ids=["index first", "index first, B-frames"])
def test_a_file_that_was_cut_off_is_truncated(video: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(video.read_bytes()[: video.stat().st_size * 2 // 3])
    assert failure(cut).reason is Reason.TRUNCATED


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    sound = tmp_path / "sound.wav"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    assert failure(sound).reason is Reason.NO_VIDEO


def test_a_codec_without_decoder_is_unsupported(tmp_path: Path) -> None:
    strange = tmp_path / "strange.mp4"
    strange.write_bytes(WALK.read_bytes().replace(b"avc1", b"zzzz"))
    assert failure(strange).reason is Reason.UNSUPPORTED_CODEC


def test_a_failure_comes_within_its_time_out() -> None:
    started = monotonic()
    with server("") as url:
        failure(url, open_timeout_s=0.5)
    assert monotonic() - started < 4.5  # without one it would be 5 s


def test_messages_are_redacted_whoever_writes_them() -> None:
    error = SourceError(Reason.ENDED, "rtsp://admin:s3cret@cam/1: gone")
    assert isinstance(error, GatewayError)
    assert str(error) == "rtsp://***@cam/1: gone"
    assert "s3cret" not in repr(error)
