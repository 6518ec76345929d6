"""Every address of the site. Wiring: one of the few places that names all three apps."""

from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from charts.oembed import oembed
from registry import operations
from submissions.claim_page import manage
from submissions.submit_page import page as submit_page
from submissions.urls import PUBLIC_ID

handler400 = "registry.errors.bad_request"
handler403 = "registry.errors.forbidden"
handler404 = "registry.errors.not_found"
handler500 = "registry.errors.server_error"

urlpatterns = [
    path("", include("registry.pages.urls")),
    re_path(rf"^r/{PUBLIC_ID}/manage$", manage, name="report-manage"),
    path("submit/", submit_page, name="submit"),
    path("account/", include("submissions.accounts.urls")),
    path("api/v1/", include("registry.api.urls")),
    path("api/v1/", include("submissions.urls")),
    path("api/v1/", include("charts.api_urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    # Its renderer has no template for an answer to OPTIONS, so other methods are refused.
    path(
        "api/docs/",
        SpectacularSwaggerView.as_view(url_name="schema", http_method_names=["get", "head"]),
        name="api-docs",
    ),
    path("c/", include("charts.urls")),
    path("oembed", oembed, name="oembed"),
    path("admin/", admin.site.urls),
    path("healthz", operations.healthz, name="healthz"),
    path("readyz", operations.readyz, name="readyz"),
    path("metrics", operations.scrape, name="metrics"),
]
