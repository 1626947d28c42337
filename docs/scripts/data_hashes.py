"""SHA-256 of the calibration rows, by which an installed package knows the files it fetches.

python docs/scripts/data_hashes.py            # write data/calibration/sha256.json; after rows were added
python docs/scripts/data_hashes.py --check    # fail if it is out of date; before a release
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "data" / "calibration"


def hashes() -> dict[str, str]:
    """By path below ``data/calibration``."""
    found = sorted(path for path in FOLDER.glob("*/runs.jsonl") if path.stat().st_size)
    return {path.relative_to(FOLDER).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def main() -> None:
    """Write or check."""
    text = json.dumps(hashes(), indent=2) + "\n"
    target = FOLDER / "sha256.json"
    if "--check" not in sys.argv[1:]:
        target.write_text(text, encoding="utf-8")
    elif target.read_text(encoding="utf-8") != text:
        sys.exit("data/calibration/sha256.json is out of date: run python docs/scripts/data_hashes.py")


if __name__ == "__main__":
    main()
