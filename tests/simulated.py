"""The benchmarks' simulated truths, for tests: ``benchmarks/`` is no package."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from many import Many, fit_many
from truths import DESIGNS, NOISES, TRUTHS, log_losses, simulate

__all__ = ["DESIGNS", "NOISES", "TRUTHS", "Many", "fit_many", "log_losses", "simulate"]
