"""A run is its spec; nonsense is refused before it costs anything."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from reference_trainer.errors import TrainerError
from reference_trainer.spec import RunSpec


def test_same_spec_is_the_same_run_and_any_change_another() -> None:
    spec = RunSpec()
    assert RunSpec.from_dict(json.loads(json.dumps(spec.to_dict()))).run_id == spec.run_id
    changes = [{"seed": 1}, {"lr": 0.5}, {"tokens": spec.tokens + 1}, {"corpus": "other"}, {"objective": "uniform"}]
    assert len({spec.run_id, *(replace(spec, **c).run_id for c in changes)}) == 1 + len(changes)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("lr", (-0.1, math.nan, math.inf)),
        ("beta1", (-0.1, 1.0)),
        ("beta2", (-0.1, 1.0, 2.0)),
        ("clip", (0.0, -1.0, math.inf)),
        ("head_size", (6, 7, -2, 128)),
        ("context", (0, -1)),
        ("batch", (0, -4)),
        ("cooldown", (0.0, 1.1, math.nan)),
        ("warmup", (-1,)),
        ("weight_decay", (-0.1,)),
        ("rope_base", (0.0,)),
        ("width", (0, 7)),
        ("depth", (0,)),
        ("seed", (-1, 2**63)),
        ("early_stop", (math.nan, math.inf)),
        ("unique_tokens", (-1,)),
        ("tokens", (0, 5)),
        ("alphabet", ("greek",)),
    ],
)
def test_nonsense_is_refused_by_name(field: str, values: tuple[object, ...]) -> None:
    for value in values:
        with pytest.raises(TrainerError, match=field):
            replace(RunSpec(), **{field: value})  # type: ignore[arg-type]


def test_bounds_that_are_meant_are_taken() -> None:
    spec = RunSpec(beta1=0.0, cooldown=1.0, warmup=0, weight_decay=0.0, width=48, head_size=16)
    assert (spec.beta1, spec.cooldown, spec.warmup, spec.weight_decay) == (0.0, 1.0, 0, 0.0)


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(TrainerError) as raised:
        RunSpec(lr=-1, clip=0, objective="gan")
    assert all(name in str(raised.value) for name in ("lr", "clip", "objective"))


def test_warmup_does_not_depend_on_the_points_asked_for() -> None:
    """Two runs of one spec but for their points share a plan, and so their trunk to the last bit."""
    spec = RunSpec(tokens=2**20)
    assert replace(spec, cooled_at=(2**14, 2**20)).plan == spec.plan
