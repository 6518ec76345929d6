"""Addresses of charts, under /c/. A slug has no dots, so the first dot starts the ending."""

from django.urls import path, re_path

from charts import views

SLUG = r"(?P<slug>[a-z0-9-]{1,64})"
VERSION = r"(?P<version>[0-9a-f]{12})"
ENDING = r"\.(?P<ending>[a-z]+(?:\.[a-z]+)?)"

urlpatterns = [
    path("", views.save_page, name="chart-save"),
    re_path(rf"^{SLUG}$", views.live_page, name="chart"),
    re_path(rf"^{SLUG}{ENDING}$", views.live_file, name="chart-file"),
    path("<slug:slug>/freeze", views.freeze_page, name="chart-freeze-page"),
    re_path(rf"^{SLUG}/{VERSION}$", views.frozen_page, name="chart-frozen"),
    re_path(rf"^{SLUG}/{VERSION}{ENDING}$", views.frozen_file, name="chart-frozen-file"),
]
