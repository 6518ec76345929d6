"""Addresses of intake, under /api/v1/."""

from django.urls import path, re_path

from submissions import api

PUBLIC_ID = r"(?P<public_id>[a-z2-7]{16})"

urlpatterns = [
    path("reports/", api.ReportsView.as_view(), name="reports-send"),
    path("account/", api.AccountView.as_view(), name="account-api"),
    path("parse/", api.ParseView.as_view(), name="parse"),
    re_path(rf"^reports/{PUBLIC_ID}/$", api.ReportView.as_view(), name="report-api"),
    re_path(rf"^reports/{PUBLIC_ID}/raw/$", api.RawView.as_view(), name="report-raw"),
    path("schema/report/1/", api.SchemaView.as_view(), name="report-schema"),
]
