"""The list of rooms and files in docs/architecture.md, made from the first line of each file.

python docs/scripts/house.py
"""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "quokka_laws"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- house: made by docs/scripts/house.py -->\n", "<!-- end of house -->\n"


def floors() -> list[list[str]]:
    """Packages and modules from the top floor down, as the import contract has them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (layers,) = (c["layers"] for c in contracts["contracts"] if c["type"] == "layers")
    return [[name.strip().removeprefix("quokka_laws.") for name in layer.split("|")] for layer in layers]


def idea(path: Path) -> str:
    """The first sentence of a file, up to its full stop."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).rstrip(".")


def house() -> str:
    """A heading for each room, a line for each of its files; the ground floor's files last."""
    lines, ground = [], []
    for floor in floors():
        for name in floor:
            if (SOURCE / f"{name}.py").exists():
                ground.append(f"- `{name}`: {idea(SOURCE / f'{name}.py')}.")
                continue
            lines += ["", f"**`{name}/`** {idea(SOURCE / name / '__init__.py')}.", ""]
            for path in sorted((SOURCE / name).rglob("*.py")):
                within = path.relative_to(SOURCE / name)
                if within.name != "__init__.py":
                    lines.append(f"- `{within.with_suffix('')}`: {idea(path)}.")
                elif len(within.parts) > 1:
                    lines.append(f"- `{within.parent}/`: {idea(path)}.")
    return "\n".join([*lines, "", "**Ground floor**", "", *ground, ""]).lstrip()


def page() -> str:
    """The page with its list made anew."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{house()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
