"""Write the seeds anew: python -m fuzz.make_seeds."""

import importlib
from pathlib import Path

from fuzz.names import SHARES


def main() -> None:
    for name in SHARES:
        folder = Path(__file__).parent / "seeds" / name
        folder.mkdir(parents=True, exist_ok=True)
        for seed, data in importlib.import_module(f"fuzz.{name}").TARGET.seeds().items():
            (folder / seed).write_bytes(data)


if __name__ == "__main__":
    main()
