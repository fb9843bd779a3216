"""Whether there is a GPU at all; asked with any Python, before anything is installed. Status 2: there is none."""

import sys

from inference.errors import DeviceUnavailable
from inference.runtime.gpu import gpu_at

NO_GPU = 2


def main() -> int:
    try:
        print(gpu_at(0))  # noqa: T201 - a command
    except DeviceUnavailable as error:
        print(f"gpu-check: {error.reason}. It needs an NVIDIA GPU and its driver; nothing was done.", file=sys.stderr)  # noqa: T201
        return NO_GPU
    return 0


if __name__ == "__main__":
    sys.exit(main())
