"""The registry as a Django app. It loads the Celery app, so that tasks find their broker."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "registry"
    verbose_name = "CRR registry"

    def ready(self) -> None:
        from registry import celery  # noqa: F401 - the app must exist before any task is called
