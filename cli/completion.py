"""Values that the shell can complete: rules for choosing a person, models and recipes by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem

from poseflow.people import check_person


class PersonRule(click.ParamType):
    """A rule that chooses a person; a wrong one is told before the long work.

    Args:
        choices: Rule -> meaning.
    """

    name = "RULE"

    def __init__(self, choices: Mapping[str, str]) -> None:
        self._choices = choices

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The rule itself."""
        try:
            return check_person(value, self._choices)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The rules, with their meanings; ``id:`` is left to be completed by hand."""
        rules = {rule.removesuffix("N"): meaning for rule, meaning in self._choices.items()}
        return [CompletionItem(rule, help=text) for rule, text in rules.items() if rule.startswith(incomplete)]


class NameOrConfig(click.ParamType):
    """A name that the library knows, or the path of a Python file.

    Args:
        names: Gives the names; called by the shell's completion alone.
    """

    name = "NAME|CONFIG.py"

    def __init__(self, names: Callable[[], Iterable[str]]) -> None:
        self._names = names

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names, else files."""
        known = [CompletionItem(name) for name in self._names() if name.startswith(incomplete)]
        return known or [CompletionItem(incomplete, type="file")]


def _models(*tasks: str) -> list[str]:
    from poseflow.detect.registry import MODELS

    return [entry.name for entry in MODELS.values() if entry.task in tasks]


def _recipes() -> list[str]:
    from vvipe.recipe import recipe_names

    return recipe_names()


POSE_MODEL = NameOrConfig(lambda: _models("topdown", "onestage"))
PERSON_MODEL = NameOrConfig(lambda: _models("person"))
RECIPE = NameOrConfig(_recipes)
