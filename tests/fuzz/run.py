"""Run one target under Atheris: python -m fuzz.run TARGET RUNS [libFuzzer options].

Seeds come from seeds/TARGET; an input that crashes is kept in crashers/TARGET.
"""

import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

HERE = Path(__file__).parent
#: What the coverage is guided by: our own code, and the readers in Python that it rests on.
INSTRUMENTED = ["broker", "connectors", "fuzz", "tomllib", "json", "openpyxl", "zipfile", "csv"]


def main() -> None:
    """Run libFuzzer in a process of its own: it ends without cleaning up behind itself."""
    if "LALI_FUZZ_FOLDER" in os.environ:
        fuzz(Path(os.environ["LALI_FUZZ_FOLDER"]), *sys.argv[1:])
        return
    in_memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="lali-fuzz-", dir=in_memory) as folder:
        environment = os.environ | {"LALI_FUZZ_FOLDER": folder, "TMPDIR": folder}
        command = [sys.executable, "-m", "fuzz.run", *sys.argv[1:]]
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)


def fuzz(folder: Path, name: str, runs: str, *more: str) -> None:
    """Run target *name*; what reaches new code is kept in *folder* meanwhile."""
    with atheris.instrument_imports(include=INSTRUMENTED, enable_loader_override=False):
        target = importlib.import_module(f"fuzz.{name}").TARGET
    harness = importlib.import_module("fuzz.harness")
    most_mb = (harness.peak_bytes() + harness.MOST_BYTES) >> 20
    crashers = HERE / "crashers" / name
    crashers.mkdir(parents=True, exist_ok=True)
    corpus = folder / "corpus"
    corpus.mkdir()
    options = [
        f"-runs={runs}",
        "-seed=1",
        f"-max_len={target.most_bytes}",
        "-timeout=60",  # of what never ends; a second of processor time is the harness's
        f"-rss_limit_mb={most_mb}",  # of what grows from input to input
        f"-artifact_prefix={crashers}/",
        "-print_final_stats=1",
        *more,
    ]
    seeds = HERE / "seeds" / name
    atheris.Setup([sys.argv[0], *options, str(corpus), str(seeds)], target.feed)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
