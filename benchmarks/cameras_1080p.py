"""A 1080p25 camera to measure with: the bundled scene upscaled, at 25 fps, with noise, H.264 high, GOP 50, 4 Mb/s.

Made once by Debian's ffmpeg (x264) into `benchmarks/cache/`; it is too large to be committed.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
CLIP = Path(__file__).parent / "cache" / "street-1080p25.mp4"


def clip() -> Path:
    """The clip, made if it isn't there."""
    if not CLIP.exists():
        if shutil.which("ffmpeg") is None:
            sys.exit("the 1080p benchmarks need ffmpeg to make their camera: apt-get install ffmpeg")
        CLIP.parent.mkdir(exist_ok=True)
        video = str(ROOT / "media" / "pedestrians.mp4")
        filters = "setpts=N/25/TB,scale=1920:1080:flags=bicubic,noise=alls=5:allf=t,format=yuv420p"
        gop = ["-g", "50", "-keyint_min", "50", "-sc_threshold", "0", "-bf", "0"]
        coding = ["-c:v", "libx264", "-profile:v", "high", "-b:v", "4M", "-r", "25", *gop]
        part = CLIP.with_suffix(".part.mp4")
        command = ["ffmpeg", "-v", "error", "-y", "-r", "25", "-i", video, "-vf", filters, *coding, "-an", str(part)]
        subprocess.run(command, check=True)
        part.rename(CLIP)
    return CLIP
