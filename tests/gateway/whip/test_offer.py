"""What publishers of different make offer, and what of it is taken."""

import pytest

from gateway.whip.answer import written_answer
from gateway.whip.fragment import Credentials, parse, written
from gateway.whip.offer import ImpossibleOffer, read_offer

PRINT = "sha-256 " + ":".join(["AB"] * 32)
ICE = ["a=ice-ufrag:abcd", "a=ice-pwd:0123456789012345678901"]
LOCAL = Credentials("ours", "1234567890123456789012")
CANDIDATE = "1 1 udp 2130706431 192.0.2.1 5000 typ host"

OBS = [  # libdatachannel: sound first, all in each section, retransmission without RTX
    "v=0",
    "o=rtc 123 0 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE 0 1",
    "a=setup:actpass",
    *ICE,
    f"a=fingerprint:{PRINT}",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111",
    "a=mid:0",
    "a=sendonly",
    "a=rtcp-mux",
    "a=rtpmap:111 opus/48000/2",
    "a=fmtp:111 minptime=10;useinbandfec=1",
    "m=video 9 UDP/TLS/RTP/SAVPF 96",
    "a=mid:1",
    "a=sendonly",
    "a=rtcp-mux",
    "a=rtpmap:96 H264/90000",
    "a=rtcp-fb:96 nack",
    "a=rtcp-fb:96 nack pli",
    "a=fmtp:96 profile-level-id=64001f;packetization-mode=1;level-asymmetry-allowed=1",
]
FFMPEG = [  # no feedback, passive in DTLS, parameter sets in the offer
    "v=0",
    "o=FFmpeg 1 2 IN IP4 127.0.0.1",
    "s=FFmpegPublishSession",
    "t=0 0",
    "a=group:BUNDLE 0",
    "m=video 9 UDP/TLS/RTP/SAVPF 106",
    "c=IN IP4 0.0.0.0",
    *ICE,
    f"a=fingerprint:{PRINT}",
    "a=setup:passive",
    "a=mid:0",
    "a=sendonly",
    "a=rtcp-mux",
    "a=rtpmap:106 H264/90000",
    "a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;sprop-parameter-sets=Z0IAHw==,aM4=",
]
BROWSER = [  # the video only within the bundle, several codecs with RTX, data
    "v=0",
    "o=- 1 2 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE a v d",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 0",
    *ICE,
    f"a=fingerprint:{PRINT}",
    "a=setup:actpass",
    "a=mid:a",
    "a=sendonly",
    "a=rtcp-mux",
    "a=rtpmap:111 opus/48000/2",
    "m=video 0 UDP/TLS/RTP/SAVPF 98 99 96 97",
    "a=bundle-only",
    "a=mid:v",
    "a=sendonly",
    "a=rtcp-mux",
    "a=rtpmap:98 VP9/90000",
    "a=rtpmap:99 rtx/90000",
    "a=fmtp:99 apt=98",
    "a=rtpmap:96 VP8/90000",
    "a=rtcp-fb:96 goog-remb",
    "a=rtcp-fb:96 transport-cc",
    "a=rtcp-fb:96 nack pli",
    "a=rtpmap:97 rtx/90000",
    "a=fmtp:97 apt=96",
    "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
    "a=bundle-only",
    "a=mid:d",
]


def answer_to(lines: list[str]) -> tuple[list[str], list[list[str]]]:
    """The answer's lines of the session, and of each section."""
    text = written_answer(read_offer("\r\n".join(lines)), 1, LOCAL, [CANDIDATE], [("sha-256", "AB")])
    sections: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.startswith("m="):
            sections.append([])
        sections[-1].append(line)
    return sections[0], sections[1:]


def test_obs_sends_its_h264_of_any_profile_and_its_sound_is_inactive() -> None:
    offer = read_offer("\n".join(OBS))
    assert (offer.codec.name, offer.codec.payload_type, offer.codec.retransmission) == ("H264", 96, None)
    assert (offer.codec.feedback, offer.role) == (("nack", "nack pli"), "passive")
    session, (sound, video) = answer_to(OBS)
    assert "a=group:BUNDLE 0 1" in session
    assert {"m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=inactive", "a=mid:0", f"a=candidate:{CANDIDATE}"} <= set(sound)
    assert {"m=video 9 UDP/TLS/RTP/SAVPF 96", "a=recvonly", "a=mid:1", "a=setup:passive", "a=rtcp-mux"} <= set(video)
    assert "a=fmtp:96 profile-level-id=64001f;packetization-mode=1;level-asymmetry-allowed=1" in video


def test_ffmpeg_waits_for_our_handshake_and_tells_its_parameter_sets() -> None:
    offer = read_offer("\r\n".join(FFMPEG))
    assert (offer.role, offer.codec.feedback) == ("active", ())
    assert offer.codec.parameter("sprop-parameter-sets") == "Z0IAHw==,aM4="
    _, (video,) = answer_to(FFMPEG)
    assert {"a=setup:active", f"a=candidate:{CANDIDATE}", "a=end-of-candidates"} <= set(video)


def test_a_browser_s_first_codec_that_is_possible_is_taken_with_its_retransmission() -> None:
    offer = read_offer("\r\n".join(BROWSER))
    assert (offer.codec.name, offer.codec.payload_type, offer.codec.retransmission) == ("VP8", 96, 97)
    assert offer.codec.feedback == ("nack pli", "goog-remb")
    assert offer.credentials.username == "abcd"  # of the bundle's first section
    session, (sound, video, data) = answer_to(BROWSER)
    assert "a=group:BUNDLE a v" in session
    assert sound[0] == "m=audio 9 UDP/TLS/RTP/SAVPF 111"
    assert {"m=video 9 UDP/TLS/RTP/SAVPF 96 97", "a=fmtp:97 apt=96", "a=recvonly"} <= set(video)
    assert data[0] == "m=application 0 UDP/DTLS/SCTP webrtc-datachannel"


def test_an_offer_of_sound_alone_is_impossible() -> None:
    with pytest.raises(ImpossibleOffer, match="no video is offered"):
        read_offer("\n".join(OBS[:14]))


def test_a_fragment_is_read_as_it_is_written() -> None:
    said = parse(written(LOCAL, "0", [CANDIDATE, CANDIDATE.replace("5000", "5001")]))
    assert said.credentials == LOCAL
    assert said.candidates == (CANDIDATE, CANDIDATE.replace("5000", "5001"))


@pytest.mark.parametrize(
    "text", ["", "a=ice-ufrag:abcd", "a=ice-ufrag:abc\na=ice-pwd:" + "x" * 22, "a=ice-ufrag:abcd\na=ice-pwd:short"]
)
def test_a_fragment_without_its_credentials_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="ice-"):
        parse(text)


def test_credentials_are_shown_without_the_password() -> None:
    assert "1234567890" not in repr(LOCAL)
    assert "0123456789" not in repr(read_offer("\n".join(OBS)))


def test_what_is_not_bundled_in_the_offer_is_not_in_the_answer() -> None:
    session, (sound, video) = answer_to([line for line in OBS if "BUNDLE" not in line])
    assert not [line for line in session if "BUNDLE" in line]
    assert sound[0] == "m=audio 0 UDP/TLS/RTP/SAVPF 111"  # it would need a transport of its own
    assert {"m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:1", f"a=candidate:{CANDIDATE}"} <= set(video)
    session, (sound, video) = answer_to([line.replace("BUNDLE 0 1", "BUNDLE 1") for line in OBS])
    assert "a=group:BUNDLE 1" in session
    assert sound[0] == "m=audio 0 UDP/TLS/RTP/SAVPF 111"
