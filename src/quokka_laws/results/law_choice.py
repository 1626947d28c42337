"""Which law was taken where none was asked for, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

Reason = Literal["criterion", "few runs", "repeated data", "one ratio", "compute alone"]


@dataclass(frozen=True)
class LawChoice:
    """What the laws make of the same runs.

    Parameters
    ----------
    table : DataFrame
        One row a law, best first: ``law, coefficients``; ``BIC_difference`` from the best; ``p_value`` of being enough within the
        widest, by an F test of what that explains beyond it (NaN for the widest); ``C`` (ten times the largest
        budget of the runs) and the best ``N`` there (NaN where there is none).
    reason : {"criterion", "few runs", "repeated data", "one ratio", "compute alone"}
        The least BIC; or too few runs to tell laws apart; or one law is taken because the runs repeat their data, or because one of
        compute is all they determine: they are of one D/N, or have no N and D.
    """

    table: pd.DataFrame
    reason: Reason

    @property
    def chosen(self) -> str:
        """The law taken."""
        return str(self.table["law"].iloc[0])

    @property
    def runner_up(self) -> str | None:
        """The next best; None where no other was tried."""
        return str(self.table["law"].iloc[1]) if len(self.table) > 1 else None

    def to_dict(self) -> dict[str, Any]:
        """Plain data that :meth:`from_dict` turns back into an equal choice."""
        return {"reason": self.reason, "table": {str(k): self.table[k].tolist() for k in self.table}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LawChoice:
        """Rebuild a choice from :meth:`to_dict`."""
        return cls(pd.DataFrame(data["table"]), data["reason"])
