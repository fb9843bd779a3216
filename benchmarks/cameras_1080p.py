"""1080p25 cameras to measure with: the bundled scene upscaled, with noise, H.264 high, GOP 50, 4 Mb/s; and its first
picture standing still, with the same noise.

Made once by Debian's ffmpeg (x264) into `benchmarks/cache/`; they are too large to be committed.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
CLIP = Path(__file__).parent / "cache" / "street-1080p25.mp4"
IDLE = CLIP.with_name("idle-1080p25.mp4")
_NOISE = "scale=1920:1080:flags=bicubic,noise=alls=5:allf=t,format=yuv420p"
_IDLE_FRAMES = 500


def clip() -> Path:
    """The scene, made if it isn't there."""
    return _made(CLIP, f"setpts=N/25/TB,{_NOISE}")


def idle_clip() -> Path:
    """20 s of nothing, made if they aren't there."""
    still = f"trim=end_frame=1,loop={_IDLE_FRAMES - 1}:1,setpts=N/25/TB"
    return _made(IDLE, f"{still},{_NOISE}")


def idle_substream_clip() -> Path:
    """What the same camera sends beside it: 640x360 at 10 fps, 500 kb/s, GOP 2 s; made if it isn't there."""
    frames = _IDLE_FRAMES * 10 // 25
    small = f"trim=end_frame=1,loop={frames - 1}:1,setpts=N/10/TB,{_NOISE},scale=640:360:flags=area,format=yuv420p"
    return _made(IDLE.with_name("idle-360p10.mp4"), small, fps=10, bitrate="500k")


def _made(path: Path, filters: str, fps: int = 25, bitrate: str = "4M") -> Path:
    if not path.exists():
        if shutil.which("ffmpeg") is None:
            sys.exit("the 1080p benchmarks need ffmpeg to make their camera: apt-get install ffmpeg")
        path.parent.mkdir(exist_ok=True)
        video = str(ROOT / "media" / "pedestrians.mp4")
        gop = ["-g", str(2 * fps), "-keyint_min", str(2 * fps), "-sc_threshold", "0", "-bf", "0"]
        coding = ["-c:v", "libx264", "-profile:v", "high", "-b:v", bitrate, "-r", str(fps), *gop]
        part = path.with_suffix(".part.mp4")
        read = ["-v", "error", "-y", "-r", str(fps), "-i", video]
        command = ["ffmpeg", *read, "-vf", filters, *coding, "-an", str(part)]
        subprocess.run(command, check=True)
        part.rename(path)
    return path
