"""What pages share: templates of the package, rendered with jinja2."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from typing import Any

from quokka_laws.exceptions import MissingDependencyError


def render(template: str, context: dict[str, Any]) -> str:
    """A template of this package, filled in; HTML templates escape what they are given.

    Raises
    ------
    MissingDependencyError
        Without ``jinja2``.
    """
    try:
        import jinja2
    except ImportError:
        raise MissingDependencyError('reports need jinja2: pip install "quokka-laws[report]"') from None
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("quokka_laws.reporting"),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "md": markdown,
        "code": code_span,
        "sha256": sha256,
        "as_json": as_json,
        "unbroken": unbroken,
    }
    return environment.get_template(template).render(context)


def markdown(text: Any) -> str:
    """Text as Markdown shows it letter by letter: no tags, links, tables or formulas of a name's own making."""
    line = " ".join(str(text).split())
    line = re.sub(r"([\\`\[\]|$*~]|(?<!\w)_|_(?!\w))", r"\\\1", line)
    return re.sub(r"&(?=#?\w+;)", "&amp;", line).replace("<", "&lt;")


def unbroken(text: Any) -> Any:
    """Text, escaped, whose options are not broken at a hyphen: a phone would show ``-`` and, below it, ``-law``."""
    from markupsafe import Markup, escape  # jinja2 depends on it

    return Markup(re.sub(r"(?<![\w-])--[a-z][a-z-]*", r'<span class="option">\g<0></span>', str(escape(text))))


def code_span(text: Any) -> str:
    """Text between backquotes: on one line, without backquotes of its own."""
    return " ".join(str(text).split()).replace("`", "'")


def sha256(script: Any) -> str:
    """What a page's policy names a script by; no other script runs in the page, whatever a name of the user's holds."""
    digest = hashlib.sha256(str(script).encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def as_json(value: Any) -> Any:
    """Data for a script element, which no text in it ends."""
    from markupsafe import Markup  # jinja2 depends on it

    text = json.dumps(plain(value), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def plain(value: Any) -> Any:
    """Numbers JSON can hold: not-a-number and infinities become None."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
