"""The GPU's check itself, with the CPU in the GPU's place: it runs, and sees what it is to see."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from reference_trainer import corpus, gpu_check


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    text = corpus.synthetic(0, tokens=70_000, held_out=20_000)
    monkeypatch.setattr(gpu_check.corpus, "synthetic", lambda *a, **k: text)
    monkeypatch.setattr(gpu_check, "CONTEXT", 32)
    monkeypatch.setattr(gpu_check, "SMALL", replace(gpu_check.SMALL, width=16, depth=1, context=16, batch=4))


def test_all_checks_hold_on_equal_devices(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu_check.check("cpu", seconds=0.01, shapes=((8, 1, 25.0),))
    said = capsys.readouterr().out
    assert "differ by 0.0e+00" in said
    assert "| 8, 1 |" in said


def test_a_wrong_step_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right, calls = gpu_check.losses_after, []

    def second_is_off(*arguments: object, **options: object) -> tuple[list[float], torch.Tensor]:
        losses, weights = right(*arguments, steps=2, **options)  # type: ignore[arg-type]
        calls.append(1)
        return ([1.01 * x for x in losses], weights) if len(calls) == 2 else (losses, weights)

    monkeypatch.setattr(gpu_check, "losses_after", second_is_off)
    assert not gpu_check.check("cpu", seconds=0.01, shapes=())


def test_without_a_gpu_it_is_one_sentence() -> None:
    if not torch.cuda.is_available():
        with pytest.raises(SystemExit, match="torch sees no CUDA device"):
            gpu_check.main()
