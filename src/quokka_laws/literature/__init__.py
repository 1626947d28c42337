"""What others published: laws, rules, conversions and tables, with their provenance."""

from quokka_laws.literature import conversions, datasets
from quokka_laws.literature.registry import published

__all__ = ["conversions", "datasets", "published"]


def __dir__() -> list[str]:
    return __all__
