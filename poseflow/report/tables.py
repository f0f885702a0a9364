"""Records of a result as HTML: tables whose columns are the records' keys, and lists of facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_UNITS = {"_s": "s", "_deg": "°", "_ms": "ms"}
_NAMES = ("joint", "angle")
"""Columns of identifiers, shown as words."""
_SHARES = ("out_of_tolerance", "judged")
"""Columns of shares in [0, 1], shown in percent."""


def table_html(records: Sequence[Mapping[str, Any]], *, caption: str) -> str:
    """A table of flat records; values that are lists or records themselves are left out. Empty text for no record."""
    columns = [key for key in dict.fromkeys(key for record in records for key in record) if _is_flat(records, key)]
    if not columns:
        return ""
    head = "".join(_heading(column, records) for column in columns)
    rows = "".join(f"<tr>{''.join(_cell(record.get(column), column) for column in columns)}</tr>" for record in records)
    return (
        f'<div class="table" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def facts_html(facts: Sequence[tuple[str, str, str]]) -> str:
    """A list of (name, value, what it means), all plain text."""
    items = (
        f"<div><dt>{escape(name)}</dt><dd><b>{escape(value)}</b> <span>{escape(meaning)}</span></dd></div>"
        for name, value, meaning in facts
    )
    return f'<dl class="facts">{"".join(items)}</dl>'


def heading(key: str) -> str:
    """Words for a key: ``mean_delta_deg`` is "mean delta (°)"."""
    for suffix, unit in _UNITS.items():
        if key.endswith(suffix):
            return f"{key.removesuffix(suffix).replace('_', ' ')} ({unit})"
    return key.replace("_", " ")


def value_text(value: Any, key: str = "") -> str:
    """A value in words; a number as exact as its unit needs."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key in _NAMES:
        return str(value).replace("_", " ")
    if isinstance(value, float) and key in _SHARES:
        return f"{value:z.0%}"
    if isinstance(value, float):
        return f"{value:z.0f}" if key.endswith("_deg") or abs(value) >= 100 else f"{value:z.2f}"
    return str(value)


def _is_flat(records: Sequence[Mapping[str, Any]], key: str) -> bool:
    return not any(isinstance(record.get(key), list | tuple | Mapping) for record in records)


def _heading(key: str, records: Sequence[Mapping[str, Any]]) -> str:
    kind = ' class="number"' if any(_is_number(record.get(key)) for record in records) else ""
    return f'<th scope="col"{kind}>{escape(heading(key))}</th>'


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any, key: str) -> str:
    kind = ' class="number"' if _is_number(value) else ""
    return f"<td{kind}>{escape(value_text(value, key))}</td>"
