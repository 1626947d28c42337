"""The trainer's own fixtures: torch or skip, one thread, a small text made here."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
torch = pytest.importorskip("torch", reason="the trainer's tests need torch: pip install 'quokka-laws[test]'")
torch.set_num_threads(1)

WORDS = ("quokka", "good", "friend", "of", "chinchilla", "the", "loss", "rises", "after", "many", "epochs", "and", "a")


@pytest.fixture(scope="session")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 kB of words drawn at random with Zipf frequencies: learnable, and nobody's."""
    rng = np.random.default_rng(5)
    weights = 1.0 / np.arange(1, len(WORDS) + 1)
    text = " ".join(rng.choice(WORDS, 40_000, p=weights / weights.sum()))
    path = tmp_path_factory.mktemp("corpus") / "words.txt"
    path.write_text(text)
    return path


ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """Of child processes: this checkout first, one thread."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
