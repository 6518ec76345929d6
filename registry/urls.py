"""Every address of the site. Wiring: one of the few places that names all three apps."""

from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView

from charts.oembed import oembed
from registry import operations
from registry.api.reference import page as reference
from submissions.claim_page import manage
from submissions.read_page import page as read_page
from submissions.submit_page import page as submit_page
from submissions.urls import PUBLIC_ID

handler400 = "registry.errors.bad_request"
handler403 = "registry.errors.forbidden"
handler404 = "registry.errors.not_found"
handler500 = "registry.errors.server_error"

urlpatterns = [
    path("", include("registry.pages.urls")),
    re_path(rf"^r/{PUBLIC_ID}/manage$", manage, name="report-manage"),
    re_path(rf"^r/{PUBLIC_ID}/read$", read_page, name="report-read"),
    path("submit/", submit_page, name="submit"),
    path("account/", include("submissions.accounts.urls")),
    path("api/v1/", include("registry.api.urls")),
    path("api/v1/", include("submissions.urls")),
    path("api/v1/", include("charts.api_urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", reference, name="api-docs"),
    path("c/", include("charts.urls")),
    path("oembed", oembed, name="oembed"),
    path("admin/", admin.site.urls),
    path("healthz", operations.healthz, name="healthz"),
    path("readyz", operations.readyz, name="readyz"),
    path("metrics", operations.scrape, name="metrics"),
]
