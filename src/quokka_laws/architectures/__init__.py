"""Parameters and FLOPs of a real configuration, and a configuration for a number of parameters."""

from quokka_laws.architectures.architecture import Architecture, Experts, LatentAttention
from quokka_laws.architectures.count import Count, count
from quokka_laws.architectures.launch import LAUNCHED, Launch, launch, options, run_of, runs_of
from quokka_laws.architectures.propose import propose
from quokka_laws.architectures.read import read
from quokka_laws.architectures.write import FORMATS, write

__all__ = [
    "FORMATS",
    "LAUNCHED",
    "Architecture",
    "Count",
    "Experts",
    "LatentAttention",
    "Launch",
    "count",
    "launch",
    "options",
    "propose",
    "read",
    "run_of",
    "runs_of",
    "write",
]


def __dir__() -> list[str]:
    return __all__
