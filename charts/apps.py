"""From facts to pictures. Listens for changed facts; nobody calls it."""

from django.apps import AppConfig


class ChartsConfig(AppConfig):
    name = "charts"

    def ready(self) -> None:
        from charts import leftovers, metrics, tasks
        from registry.metrics import add
        from registry.signals import facts_changed, restored

        facts_changed.connect(tasks.on_facts_changed, dispatch_uid="charts")
        restored.connect(leftovers.on_restored, dispatch_uid="charts")
        add(metrics.families)
