"""What a name can do to a page: nothing."""

import json
import re
from pathlib import Path

import pytest

import quokka_laws as ql
from quokka_laws.reporting.templating import code_span, markdown

ATTACKS = [
    "<img src=x onerror=alert(1)>",
    "<!--<script>",
    "</script><script>alert(1)</script>",
    "[a](javascript:x)",
    "`x`\n# head",
    "a|b",
    "$\\foo$",
]
FIT = Path(__file__).parents[1] / "results" / "version1" / "chinchilla.json"


@pytest.mark.parametrize("attack", ATTACKS)
def test_markdown_of_names_is_text(attack: str) -> None:
    shown = markdown(attack)
    assert "\n" not in shown
    assert "<" not in shown
    assert not re.search(r"(?<!\\)[\[\]`|$]", shown)
    assert "`" not in code_span(attack)


def test_plain_names_stay_as_they_are() -> None:
    for text in ("R_D = 3.4", "C = 6·N·D, 95 % of it", "N_opt (run-30M/seed 1)", "a & b"):
        assert markdown(text) == text


@pytest.mark.parametrize("attack", [" ".join(ATTACKS)])
def test_pages_of_a_fit_with_such_a_name(attack: str) -> None:
    data = json.loads(FIT.read_text())
    data["name"] = attack
    data["runs"]["run_id"][0] = attack
    data["conventions"]["corpus"] = attack
    fit = ql.read_fit(data)
    explorer = ql.explorer([fit])
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', explorer, re.DOTALL)
    assert block is not None
    assert not set("<>&") & set(block[1])
    assert attack in [law["label"] for law in json.loads(block[1])["laws"]]
    for page in (explorer, ql.report(fit), ql.report(fit, form="md")):
        outside = page.replace(block[0], "")
        for tag in ("<img", "<!--<script", "<script>alert"):
            assert tag not in outside
