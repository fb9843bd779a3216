"""Makes a module and its `.pyi` of each `.proto` here; with `--check` it only compares. Needs grpcio-tools.

The messages are put into a descriptor pool of their own: every client library of this protocol brings the same names
along (`inference.ModelInferRequest`), and the pool that a process shares takes each once.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

FOLDER = Path(__file__).parent
_SHARED_POOL = "_descriptor_pool.Default()"


def generated() -> dict[str, str]:
    """File names and their texts."""
    from grpc_tools import protoc

    with TemporaryDirectory() as name:
        sources = sorted(file.name for file in FOLDER.glob("*.proto"))
        options = [f"-I{FOLDER}", f"--python_out={name}", f"--pyi_out={name}", *sources]
        if protoc.main(["protoc", *options]) != 0:
            raise SystemExit("protoc failed")
        return {file.name: _in_a_pool_of_its_own(file.read_text()) for file in sorted(Path(name).iterdir())}


def _in_a_pool_of_its_own(text: str) -> str:
    if "AddSerializedFile" in text and text.count(_SHARED_POOL) != 1:
        raise SystemExit("a generated module is not as it was: mend generate.py")
    return text.replace(_SHARED_POOL, "_descriptor_pool.DescriptorPool()")


def main() -> int:
    """Write or compare; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    stale = [name for name, text in generated().items() if _differs(FOLDER / name, text, write=not check)]
    if check and stale:
        print(f"stale: {', '.join(stale)}; python -m inference.serving.v2.protobuf.generate", file=sys.stderr)  # noqa: T201
    return int(check and bool(stale))


def _differs(file: Path, text: str, write: bool) -> bool:
    if write:
        file.write_text(text)
    return not file.exists() or file.read_text() != text


if __name__ == "__main__":
    sys.exit(main())
