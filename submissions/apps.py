"""From bytes to facts."""

from django.apps import AppConfig


class SubmissionsConfig(AppConfig):
    name = "submissions"
