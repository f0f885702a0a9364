"""The side and the plain name of a joint, however a program spelled it."""

from __future__ import annotations

import re
from collections.abc import Collection

_TOKEN = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_RIG_PREFIX = re.compile(r"^(mixamorig\d*|bip\d*|biped\d*|character\d+)(?=[\W_A-Z])", re.IGNORECASE)
_SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}
_AFFIXES = ("left", "right", "l", "r")


def plain_joint_name(name: str, known: Collection[str]) -> str:
    """`name` as ``left_x``, ``right_x`` or ``x``, in lower case, without separators and rig prefixes.

    ``Left_Wrist``, ``l_wrist``, ``wristL``, ``LWrist``, ``mixamorig:LeftWrist`` and, where `known` has ``wrist``,
    ``lwrist`` all give ``left_wrist``. ``Spine_01`` gives ``spine1``.

    Args:
        name: The joint as the file names it.
        known: Plain names without their side; they decide whether a name in one piece starts or ends with a side.
    """
    tokens = _TOKEN.findall(_RIG_PREFIX.sub("", name.strip().split(":")[-1]))
    tokens = [str(int(token)) if token.isdigit() else token.lower() for token in tokens]
    sides = [token for token in tokens if token in _SIDES]
    core = "".join(token for token in tokens if token not in _SIDES)
    if len(sides) == 1 and core:
        return f"{_SIDES[sides[0]]}_{core}"
    whole = "".join(tokens)
    if whole in known:
        return whole
    for affix in _AFFIXES:
        if whole.startswith(affix) and whole.removeprefix(affix) in known:
            return f"{_SIDES[affix]}_{whole.removeprefix(affix)}"
        if whole.endswith(affix) and whole.removesuffix(affix) in known:
            return f"{_SIDES[affix]}_{whole.removesuffix(affix)}"
    return whole
