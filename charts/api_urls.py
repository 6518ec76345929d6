"""Addresses of the chart API, under /api/v1/."""

from django.urls import path

from charts import api

urlpatterns = [
    path("charts/", api.ChartsView.as_view(), name="charts-api"),
    path("charts/<slug:slug>/", api.ChartView.as_view(), name="chart-api"),
    path("charts/<slug:slug>/freeze/", api.FreezeView.as_view(), name="chart-freeze"),
]
