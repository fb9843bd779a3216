"""Who may look into whose memory, as Linux decides it: the Yama module, capabilities, a container's seccomp profile.

https://docs.kernel.org/admin-guide/LSM/Yama.html
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PR_SET_PTRACER = 0x59616D61
_SCOPE = Path("/proc/sys/kernel/yama/ptrace_scope")
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

_WITH_THE_CAPABILITY = "a process needs the capability CAP_SYS_PTRACE (SYS_PTRACE in a container, as root)"
_BY_SCOPE = {
    None: f"{_WITH_THE_CAPABILITY}, or the container's seccomp profile forbids ptrace and process_vm_readv",
    0: f"the same user is enough here, else {_WITH_THE_CAPABILITY}; or the container's seccomp profile forbids it",
    1: "kernel.yama.ptrace_scope is 1: only a parent may look into its children; let the process profile itself "
    f"(its URL instead of its pid), set it to 0, or {_WITH_THE_CAPABILITY}",
    2: f"kernel.yama.ptrace_scope is 2: {_WITH_THE_CAPABILITY}, or set it to 1",
    3: "kernel.yama.ptrace_scope is 3: nobody may until the machine is started anew with a lower one",
}


def allow(process: int) -> None:
    """Let `process` and its children look into this one, where Yama's scope is 1 and they could not otherwise.

    0: nobody any more. Has no effect where there is no Yama.
    """
    if _prctl is not None:
        _prctl(_PR_SET_PTRACER, ctypes.c_ulong(process), 0, 0, 0)


@contextmanager
def open_to_children() -> Iterator[None]:
    """Children of this process may look into it while the body runs."""
    allow(os.getpid())
    try:
        yield
    finally:
        allow(0)


def scope() -> int | None:
    """`kernel.yama.ptrace_scope`; None where there is no Yama."""
    try:
        return int(_SCOPE.read_text())
    except (OSError, ValueError):
        return None


def why_not(scope: int | None) -> str:
    """What is to be done where the system has refused: `scope` as of `scope()`."""
    return f"the system does not permit it: {_BY_SCOPE.get(scope, _BY_SCOPE[2])}"
