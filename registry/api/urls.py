"""Addresses of what programs read, under /api/v1/."""

from django.urls import path

from registry.api.costs import CostsView
from registry.api.leaderboard import LeaderboardView

urlpatterns = [
    path("costs/", CostsView.as_view(), name="costs-api"),
    path("leaderboard/", LeaderboardView.as_view(), name="leaderboard-api"),
]
