"""A page in one file: styles, scripts and data inside, nothing fetched, and no script run that is not ours."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from poseflow.report.packing import script_json

BASE_SCRIPTS = ("base.js", "skeleton.js", "clock.js", "player.js", "timeline.js")
"""What every page with a player needs, in this order."""

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
"""


def read_asset(name: str) -> str:
    """A file of poseflow/report/assets."""
    return files("poseflow.report").joinpath("assets", name).read_text(encoding="utf-8")


def build_page(
    *, title: str, body: str, data: Any, scripts: Sequence[str], videos: Mapping[str, bytes] | None = None
) -> str:
    """The page's HTML.

    Args:
        title: Plain text.
        body: HTML; whatever came from outside in it must be escaped already.
        data: What the scripts read with `poseflow.data()`; JSON without NaN.
        scripts: Names of files in poseflow/report/assets, in the order they run.
        videos: Name -> bytes of an mp4 that is carried inside; `poseflow.videoUrl(name)` gives it to the scripts.

    Raises:
        ValueError: `data` is not JSON.
    """
    style, codes = read_asset("page.css"), [read_asset(name) for name in scripts]
    head = _HEAD.format(policy=_policy(style, codes), title=escape(title), style=style)
    blocks = [f'<script type="application/json" id="data">{script_json(data)}</script>']
    for name, content in (videos or {}).items():
        text = base64.b64encode(content).decode("ascii")
        blocks.append(f'<script type="text/plain" id="video-{escape(name)}">{text}</script>')
    blocks += [f"<script>{code}</script>" for code in codes]
    return head + body + "\n" + "\n".join(blocks) + "\n</body>\n</html>\n"


def _policy(style: str, codes: Sequence[str]) -> str:
    """A Content-Security-Policy that knows our scripts by their hashes and forbids every connection."""
    scripts = " ".join(_hash_source(code) for code in codes)
    return (
        f"default-src 'none'; script-src {scripts}; style-src {_hash_source(style)}; img-src data:; "
        "media-src 'self' file: blob:; base-uri 'none'; form-action 'none'"
    )


def _hash_source(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii") + "'"
