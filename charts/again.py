"""Commands that measure what a chart shows, for a post whose readers doubt it: those of the report
pages, for the recipes of the chart. Called by what finds the data.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings

from registry.models import Recipe
from registry.models.factors import RECIPE_FIELDS
from registry.repeat import repeats
from registry.vocabulary.factors import DEFAULT_RECIPE

LENGTHS_S = {"short": 1.0, "normal": 10.0, "long": 30.0}
SHOWN = 2


def of_recipes(recipes: Iterable[Recipe]) -> tuple[str, ...]:
    return _commands({name: getattr(recipe, name) for name in RECIPE_FIELDS} for recipe in recipes)


def of_plan(asked: Mapping[str, Any]) -> tuple[str, ...]:
    """For a chart that names its workload and no recipe: crr-submit's own plan of it."""
    known = {**DEFAULT_RECIPE, **asked, "source": Recipe.Source.PLAN, "duration_class": "normal"}
    known["streams"] = int(known["streams"]) if str(known["streams"]).isdigit() else 1
    return _commands([known])


def of_client(*arguments: str) -> tuple[str, ...]:
    return (" ".join(("crr-submit", *arguments, "--registry", settings.PUBLIC_URL)),)


def _commands(recipes: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Without one that is known to measure the same, what crr-submit measures of itself."""
    measured = [(each, LENGTHS_S.get(each["duration_class"] or "")) for each in recipes]
    found = [each.command for each in repeats(measured, settings.PUBLIC_URL)]
    return tuple(found[:SHOWN]) or of_client()
