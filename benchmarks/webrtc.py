"""What a track over WebRTC costs the gateway, against the same picture over RTSP: CPU of 720p25 H.264 cameras.

Only the gateway's processes count, the main one and those that decode; publishers and the RTSP simulator are processes
of their own. Both sides get the same packets, decode every frame and sample 2 a second. Rounds are interleaved.
"""

import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT, cpu_seconds, free_port, memory_mib, started, up, wait_until
from benchmarks.results import Result

CAMERAS, FPS = 2, 2.0
CLIP = Path(__file__).parent / "cache" / "street-720p25.mp4"


def run(quick: bool) -> Result:
    rounds, seconds = (1, 8) if quick else (3, 20)
    video = _clip()
    webrtc, rtsp, port = [], [], free_port()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        videos = [Path(folder) / f"cam{n}.mp4" for n in range(CAMERAS)]
        for path in videos:
            path.symlink_to(video)
        simulate = [sys.executable, "-m", "vedette", "simulate", *map(str, videos), "--listen", f"127.0.0.1:{port}"]
        for _ in range(rounds):
            webrtc.append(_measured(["whip"] * CAMERAS, seconds, lambda urls: _publishing(video, urls), log))
            rtsp.append(
                _measured([f"rtsp://127.0.0.1:{port}/cam{n}" for n in range(CAMERAS)], seconds, lambda _: simulate, log)
            )
    ratios = [ours["ms"] / theirs["ms"] for ours, theirs in zip(webrtc, rtsp, strict=True)]

    def median(side: list[dict[str, float]], name: str) -> float:
        return round(statistics.median(one[name] for one in side), 1)

    return Result(
        "webrtc",
        f"CPU ms a camera-second of the gateway, {CAMERAS} cameras of 720p25 H.264, 2 Mb/s, at {FPS:g} fps, over WebRTC"
        f" and over RTSP (TCP); {rounds} interleaved rounds of {seconds} s, medians",
        {
            "webrtc_ms": median(webrtc, "ms"),
            "webrtc_main_process_ms": median(webrtc, "main_ms"),
            "rtsp_ms": median(rtsp, "ms"),
            "rtsp_main_process_ms": median(rtsp, "main_ms"),
            "ratio": round(statistics.median(ratios), 2),
            "ratios": [round(ratio, 2) for ratio in ratios],
            "webrtc_gateway_mib": median(webrtc, "mib"),
            "rtsp_gateway_mib": median(rtsp, "mib"),
            "webrtc_fps": median(webrtc, "fps"),
            "rtsp_fps": median(rtsp, "fps"),
        },
    )


def _publishing(video: Path, urls: list[str]) -> list[str]:
    return [sys.executable, "-m", "benchmarks.webrtc_publisher", str(video), *urls]


def _measured(sources: list[str], seconds: int, words: Any, log: Path) -> dict[str, float]:
    """CPU of a gateway with these cameras, which `words(URLs to publish at)` brings to life."""
    address = f"127.0.0.1:{free_port()}"
    settings = {
        "listen": {"nats": "127.0.0.1:0", "gateway": address, "inference": "127.0.0.1:0"},
        "cameras": {f"cam{n}": {"url": url, "pipeline": "people"} for n, url in enumerate(sources)},
        "pipelines": {"people": {"sampling": {"fps": FPS}, "stages": [{"model": "coco-detector"}]}},
        "inference": {"sessions": 1, "device": "cpu"},
    }
    with up(settings) as site:
        wait_until(lambda: 'vedette_camera_up{camera="cam0"}' in _metrics(address), "the gateway has its cameras")
        with started(words([f"http://{address}/whip/cam{n}" for n in range(len(sources))]), log):
            wait_until(lambda: _sum(address, "vedette_camera_up") == len(sources), "all are live")
            time.sleep(3)
            processes = site.parts()["gateway"]
            main = [one for one in processes if "gateway.processes.decode_process" not in one.cmdline()]
            first, began_s = _sum(address, "vedette_frames_received_total"), time.monotonic()
            before, main_before = cpu_seconds(processes), cpu_seconds(main)
            time.sleep(seconds)
            took_s = (time.monotonic() - began_s) * len(sources)
            used_s, main_s = cpu_seconds(processes) - before, cpu_seconds(main) - main_before
            frames = _sum(address, "vedette_frames_received_total") - first
            mib = memory_mib(processes)
    return {"ms": used_s * 1000 / took_s, "main_ms": main_s * 1000 / took_s, "fps": frames / took_s, "mib": mib}


def _metrics(address: str) -> str:
    try:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def _sum(address: str, name: str) -> float:
    return sum(float(value) for value in re.findall(rf"^{name}\{{.*\}} (\S+)$", _metrics(address), re.MULTILINE))


def _clip() -> Path:
    """The bundled scene in 720p with noise, made by Debian's ffmpeg if it isn't there."""
    if not CLIP.exists():
        CLIP.parent.mkdir(exist_ok=True)
        filters = "setpts=N/25/TB,scale=1280:720:flags=bicubic,noise=alls=5:allf=t,format=yuv420p"
        gop = ["-g", "50", "-keyint_min", "50", "-sc_threshold", "0", "-bf", "0"]
        part = CLIP.with_suffix(".part.mp4")
        coding = ["-c:v", "libx264", "-profile:v", "high", "-b:v", "2M", "-r", "25", *gop, "-an"]
        video = str(ROOT / "media" / "pedestrians.mp4")
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-r", "25", "-i", video, "-vf", filters, *coding, part], check=True
        )
        part.rename(CLIP)
    return CLIP
