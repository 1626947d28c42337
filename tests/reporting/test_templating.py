"""What a name can do to a page: nothing."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import opened

import quokka_laws as ql
from quokka_laws.reporting.templating import code_span, markdown, unbroken

INJECTIONS = [
    "<script>{run}</script>",
    "</script><script>{run}</script>",
    "<img src=x onerror={run}>",
    "<svg onload={run}>",
    "<svg><script>{run}</script></svg>",
    '" onmouseover="{run}" x="',
    "' onfocus='{run}' autofocus '",
    '<iframe src="javascript:parent.{run}"></iframe>',
    '<a href="javascript:{run}">a</a>',
    "<details open ontoggle={run}>",
    "<style>@import 'https://example.org/x.css'</style>",
    "</title><script>{run}</script>",
    "</style><script>{run}</script>",
    "<!--<script>{run}",
    "]]><script>{run}</script>",
    "<math><mtext></table><img src=x onerror={run}>",
    "${{{run}}}`;{run};`",
    "\\u003cscript\\u003e{run}\\u003c/script\\u003e",
    "{{{{ run }}}}{{% include 'x' %}}",
    "\u2028{run}\u2029';{run};//",
    "$\\unknown{{$ <meta http-equiv=refresh content='0;url=javascript:{run}'>",
]
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


def test_options_are_not_broken_and_text_is_still_escaped() -> None:
    assert unbroken("Try --law skaling.") == 'Try <span class="option">--law</span> skaling.'
    assert unbroken("a--b <i> --x<b>") == 'a--b &lt;i&gt; <span class="option">--x</span>&lt;b&gt;'


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


def test_no_name_runs_in_a_browser(tmp_path: Path) -> None:
    """Names of runs, columns, a law, conventions, files and answers: shown, sorted, copied and folded out; none is run."""
    words = [attack.format(run=f"window.pwned={i}") for i, attack in enumerate(INJECTIONS)]
    rng = np.random.default_rng(0)
    N, D = 10 ** rng.uniform(7, 9.5, 42), 10 ** rng.uniform(9, 11, 42)
    loss = (1.8 + 480 / N**0.35 + 2100 / D**0.37) * np.exp(rng.normal(0, 0.01, 42))
    table = pd.DataFrame({"N": N, "D": D, "loss": loss, "run_id": (words * 2)[:42]})
    table["run_id"] += [f" {i}" for i in range(42)]
    table[words[0]] = 1.0
    table[words[2]] = words[3]
    state = {"tokenizer": words[4], "corpus": words[5]}
    fit = replace(ql.fit(ql.laws.Chinchilla(), ql.read_runs(table, **state), bootstrap=20), name=words[1])
    made = ql.forecast(fit, N=9e11, D=9e12)
    page = ql.report(
        fit,
        runs=table.assign(loss=table["loss"] * 1.1),
        forecasts=[replace(made, question=words[6])],
        answers={"training_code": words[7], "principles": " ".join(words)},
        command=f"quokka-laws report {' '.join(words)}.csv",
    )
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    (tmp_path / "explore.html").write_text(
        ql.explorer([fit, replace(fit, name=" ".join(words))], title=words[11]), encoding="utf-8"
    )
    with opened(tmp_path / "report.html", 1280) as (tab, complaints):
        for name in ("report", "explore"):
            tab.goto((tmp_path / f"{name}.html").as_uri())
            tab.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
            tab.evaluate("document.querySelectorAll('button').forEach(b => b.click())")
            tab.evaluate("document.querySelectorAll('[tabindex], a, input').forEach(e => { e.focus(); })")
            if name == "explore":
                tab.hover("#plot", position={"x": 300, "y": 150})
            tab.wait_for_timeout(100)
            assert tab.evaluate("window.pwned") is None
            assert tab.locator("img, iframe, object, embed, a, math").count() == 0
            assert tab.locator("script").count() == 2
            assert words[1] in tab.inner_text("main")
    assert complaints == []
