"""Generate `shared/wardnet/wire/v1` from `proto/`; `--check` fails when the tree differs."""

import argparse
import filecmp
import shutil
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
TARGET = ROOT / "shared" / "wardnet" / "wire" / "v1"


def generate(target: Path) -> None:
    """Write the Python modules, stubs and service stubs of all proto files below `target`."""
    sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    arguments = [
        "protoc",
        f"--proto_path={PROTO}",
        f"--proto_path={files('grpc_tools') / '_proto'}",
        f"--python_out={target}",
        f"--pyi_out={target}",
        f"--grpc_python_out={target}",
        *sources,
    ]
    if protoc.main(arguments) != 0:
        sys.exit("protoc refused the proto files; its message stands above")


def main() -> None:
    """Generate, or compare what would be generated with what is committed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        made = Path(folder) / "wardnet" / "wire" / "v1"
        names = sorted(path.name for path in made.iterdir())
        if not check:
            for old in TARGET.glob("*_pb2*"):
                old.unlink()
            for name in names:
                shutil.copy(made / name, TARGET / name)
            return
        _, different, missing = filecmp.cmpfiles(made, TARGET, names, shallow=False)
        stale = {path.name for path in TARGET.glob("*_pb2*")} - set(names)
    if different or missing or stale:
        sys.exit(
            f"generated code has drifted: {sorted({*different, *missing, *stale})}; "
            "run scripts/generate_wire.py"
        )


if __name__ == "__main__":
    main()
