"""Which runs to train: a first sweep before any fit, then the runs that leave a question best answered."""

from quokka_laws.plan.design.ladder import ladder
from quokka_laws.plan.design.next_runs import next_runs
from quokka_laws.plan.design.simulate import simulate

__all__ = ["ladder", "next_runs", "simulate"]
