"""Addresses of what programs read, under /api/v1/."""

from django.urls import path

from registry.api.leaderboard import LeaderboardView

urlpatterns = [
    path("leaderboard/", LeaderboardView.as_view(), name="leaderboard-api"),
]
