"""One thing that is doubtful about a fit or an answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Flag:
    """Something doubtful about a fit: a short code for programs and a sentence for people."""

    code: str
    message: str
