"""Progress: silent unless asked for, for short work, and where nobody watches."""

from __future__ import annotations

import sys

import pytest

from quokka_laws.progress import Progress, told_to


@pytest.mark.parametrize("enabled", [True, False])
def test_nothing_is_written_without_a_terminal(enabled: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("fits", 3, enabled=enabled) as bar:
        for _ in range(3):
            bar.update(1)
    assert capsys.readouterr() == ("", "")


def test_short_work_is_silent_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Progress("fits", 2, enabled=True) as bar:
        bar.update(2)
    assert capsys.readouterr().out == ""


def test_it_counts_and_ends_after_an_error() -> None:
    bar = Progress("fits", 5, enabled=True)

    def work() -> None:
        with bar:
            bar.update(2)
            raise KeyError("x")

    with pytest.raises(KeyError):
        work()
    bar.close()  # a second time does nothing


def test_who_listens_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    with told_to(lambda *said: told.append(said)):
        with Progress("fits", 3, enabled=True) as bar:
            bar.update(2)
        with Progress("quiet", 3, enabled=False) as bar:
            bar.update(2)
    with Progress("later", 1, enabled=True):
        pass
    assert told == [("fits", 0, 3), ("fits", 2, 3)]
