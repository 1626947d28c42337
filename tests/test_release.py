"""What is released: a README that reads on an index, one version everywhere, a wheel without rows that few need."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

import quokka_laws as ql

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
MEGABYTES = 5


def on_the_index() -> str:
    """README as the index shows it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for each in PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(each["pattern"], each["replacement"], text)
    return text.replace("$HFPR_VERSION", ql.__version__)


def test_links_of_readme_have_an_address_on_the_index() -> None:
    links = LINK.findall(on_the_index())
    assert len(links) > 15
    assert not [link for link in links if not link.startswith("https://")]


def test_readme_on_the_index_installs_the_package_and_no_checkout() -> None:
    text = on_the_index()
    assert 'pip install "quokka-laws[report]" && quokka-laws demo' in text
    assert "not on PyPI" not in text


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "data/README.md"])
def test_links_into_the_checkout_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    inside = [link.split("#")[0] for link in LINK.findall(text) if not re.match(r"[a-z]+:|#", link)]
    assert not [link for link in inside if not (ROOT / page).parent.joinpath(link).exists()]


def test_one_version_everywhere() -> None:
    assert f"\nversion: {ql.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    recipe = (ROOT / "packaging" / "conda-forge" / "recipe.yaml").read_text(encoding="utf-8")
    assert f'version: "{ql.__version__}"' in recipe
    for needed in PROJECT["project"]["dependencies"]:
        name, least = needed.split(">=")
        assert re.search(rf"- {name}(-base)? >={re.escape(least)}\n", recipe), needed


def test_extras_on_the_page_exist() -> None:
    table = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    named = {name for row in re.findall(r"^\| (`.*?) \|", table, flags=re.M) for name in re.findall(r"`(\w+)`", row)}
    extras = set(PROJECT["project"]["optional-dependencies"])
    assert named <= extras
    assert extras - named == {"docs", "test", "dev"}


def test_workflows_try_every_python_that_is_promised() -> None:
    tried = re.findall(r'"(3\.\d+)"', (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8"))
    promised = [c.rsplit(" ", 1)[1] for c in PROJECT["project"]["classifiers"] if "Python :: 3." in c]
    assert set(promised) <= set(tried)
    assert PROJECT["project"]["requires-python"] == f">={min(promised, key=lambda v: int(v.split('.')[1]))}"


def test_what_the_wheel_carries_is_there() -> None:
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert all((ROOT / source).exists() for source in included)
    assert not {"data", "data/calibration"} & set(included)  # checkpoints of a sweep under way lie there


def test_the_import_is_quick() -> None:
    code = "import time; t = time.process_time(); import quokka_laws; print(time.process_time() - t)"
    taken = [float(subprocess.check_output([sys.executable, "-c", code], text=True)) for _ in range(3)]
    assert min(taken) < 0.5


@pytest.mark.slow
def test_the_wheel_is_small_and_complete(tmp_path: Path) -> None:
    pytest.importorskip("build")
    pytest.importorskip(
        "hatch_fancy_pypi_readme", reason="needs hatchling and hatch-fancy-pypi-readme, to build without a network"
    )
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size < MEGABYTES * 2**20
    names = zipfile.ZipFile(wheel).namelist()
    data = {f"quokka_laws/data/{name}" for name in ("quokka2025/isoflop.csv", "calibration/masked/runs.jsonl")}
    assert {*data, "quokka_laws/py.typed"} <= set(names)
