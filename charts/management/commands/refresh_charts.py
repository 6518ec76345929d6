"""Draw what is stale, or everything."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from charts.models import Chart
from charts.pipeline import draw, ensure_defaults
from charts.scopes import mark_changed


class Command(BaseCommand):
    help = "Draws the charts whose facts moved on; with --all, every chart."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="draw every chart, fresh or not")

    def handle(self, *args: Any, **options: Any) -> None:
        ensure_defaults()
        mark_changed()
        charts = Chart.objects.all() if options["all"] else Chart.objects.stale()
        total = charts.count()
        for number, chart in enumerate(charts.order_by("pk"), start=1):
            draw(chart.pk)
            self.stdout.write(f"{number} of {total}: {chart.slug}")
        self.stdout.write(f"{total} drawn, {Chart.objects.count() - total} were fresh")
