"""Human3.6M's subjects, cameras, actions and joints, as its files name them."""

from __future__ import annotations

SUBJECTS = ("S9", "S11")
"""On whom is measured."""
CAMERAS = ("54138969", "55011271", "58860488", "60457274")
ACTIONS = (
    *("Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing", "Purchases", "Sitting"),
    *("SittingDown", "Smoking", "Waiting", "WalkDog", "WalkTogether", "Walking"),
)
CORRUPT = ("S11", "Directions")
"""Its video is damaged; nobody measures on it."""
JOINTS = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
"""The H36M-17 joints among the 32 of the data set."""
_RENAMED = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog"}


def action_name(name: str) -> str:
    """``Photo 1`` for ``TakingPhoto_1``: underscores are spaces, and two actions have one name each."""
    action, space, number = name.replace("_", " ").partition(" ")
    return _RENAMED.get(action, action) + space + number
