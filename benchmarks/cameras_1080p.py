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


def _made(path: Path, filters: str) -> Path:
    if not path.exists():
        if shutil.which("ffmpeg") is None:
            sys.exit("the 1080p benchmarks need ffmpeg to make their camera: apt-get install ffmpeg")
        path.parent.mkdir(exist_ok=True)
        video = str(ROOT / "media" / "pedestrians.mp4")
        gop = ["-g", "50", "-keyint_min", "50", "-sc_threshold", "0", "-bf", "0"]
        coding = ["-c:v", "libx264", "-profile:v", "high", "-b:v", "4M", "-r", "25", *gop]
        part = path.with_suffix(".part.mp4")
        command = ["ffmpeg", "-v", "error", "-y", "-r", "25", "-i", video, "-vf", filters, *coding, "-an", str(part)]
        subprocess.run(command, check=True)
        part.rename(path)
    return path
