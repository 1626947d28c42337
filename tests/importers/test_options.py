"""What readers are told: facts of runs from a table, names against a pattern, notes said once."""

from __future__ import annotations

from pathlib import Path

import pytest

from quokka_laws.exceptions import RunsError
from quokka_laws.importers.options import Options, read_facts
from quokka_laws.runs.remarks import Remark


def written(folder: Path, text: str) -> Path:
    path = folder / "facts.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_facts_by_run(tmp_path: Path) -> None:
    found = read_facts(written(tmp_path, "Name,params,tokens,other\na,134M,2.7e9,x\nb,1.2B,,y\n"))
    assert found == {"a": {"N": 134e6, "D": 2.7e9}, "b": {"N": 1.2e9}}


@pytest.mark.parametrize(
    "text", ["params,tokens\n1e8,1e9\n", "run_id,params\na,1e8\na,2e8\n", "run_id,params\na,many\n"]
)
def test_tables_that_name_no_run_or_one_twice(tmp_path: Path, text: str) -> None:
    with pytest.raises(RunsError):
        read_facts(written(tmp_path, text))


def test_facts_come_before_what_a_name_says() -> None:
    options = Options(pattern=lambda run: {"N": 1e8, "D": 1e9} if "ok" in run else {}, facts={"ok": {"N": 2e8}})  # type: ignore[arg-type]
    assert options.of("ok")["name_facts"] == {"N": 2e8, "D": 1e9}
    assert options.of("other")["name_facts"] == {}
    assert options.unmatched == ["other"]


def test_a_note_is_kept_once() -> None:
    options = Options()
    for _ in range(3):
        options.note(Remark("read_as"))
    assert len(options.notes) == 1


def test_items_pass_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(Options().track([1, 2, 3], "runs")) == [1, 2, 3]
    assert list(Options(progress=True).track(iter("ab"), "runs")) == ["a", "b"]
    assert capsys.readouterr().err == ""
