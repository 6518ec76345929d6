"""Addresses of what programs read, under /api/v1/."""

from django.urls import path

from registry.api.compare import CompareView
from registry.api.costs import CostsView
from registry.api.drift import DriftView
from registry.api.effects import EffectsView
from registry.api.leaderboard import LeaderboardView
from registry.api.results import ResultsView

urlpatterns = [
    path("compare/", CompareView.as_view(), name="compare-api"),
    path("costs/", CostsView.as_view(), name="costs-api"),
    path("drift/", DriftView.as_view(), name="drift-api"),
    path("effects/", EffectsView.as_view(), name="effects-api"),
    path("leaderboard/", LeaderboardView.as_view(), name="leaderboard-api"),
    path("results/", ResultsView.as_view(), name="results-api"),
]
