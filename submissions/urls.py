"""Addresses of intake, under /api/v1/."""

from django.urls import path

from submissions import api

urlpatterns = [
    path("reports/", api.ReportsView.as_view(), name="reports-send"),
    path("parse/", api.ParseView.as_view(), name="parse"),
    path("reports/<str:public_id>/", api.ReportView.as_view(), name="report-api"),
    path("reports/<str:public_id>/raw/", api.RawView.as_view(), name="report-raw"),
    path("schema/report/1/", api.SchemaView.as_view(), name="report-schema"),
]
