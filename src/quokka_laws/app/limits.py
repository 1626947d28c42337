"""How large a file and how long a computation the page takes: set by the command line, or by the environment where it is hosted."""

from __future__ import annotations

import os
from dataclasses import dataclass

from quokka_laws.cli.serve import LARGEST_FILE, LONGEST
from quokka_laws.runs.quantities import parse_quantity


@dataclass(frozen=True)
class Limits:
    """What a session may use.

    Parameters
    ----------
    bytes : float
        Of a file, also unpacked.
    seconds : float
        Of one computation.
    """

    bytes: float = 200e6
    seconds: float = 600.0

    @classmethod
    def of_environment(cls) -> Limits:
        """As the environment says."""
        given = {"bytes": os.environ.get(LARGEST_FILE), "seconds": os.environ.get(LONGEST)}
        return cls(**{name: parse_quantity(text) for name, text in given.items() if text})
