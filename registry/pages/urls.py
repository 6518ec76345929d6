"""Addresses of the pages that people browse."""

from django.urls import path, re_path
from django.views.decorators.http import require_safe

from registry.pages import (
    client,
    compare,
    costs,
    dump,
    effects,
    kernels,
    leaderboard,
    platform,
    report_list,
    robots,
    search,
    status,
    views,
)
from registry.pages.badge import badge
from registry.pages.feed import LeaderboardFeed, NewReports

PUBLIC_ID = r"[a-z2-7]{16}"

urlpatterns = [
    path("crr-submit.pyz", client.single_file, name="client"),
    path("simple/", client.index, name="client-index"),
    path("simple/crr-submit/", client.project, name="client-project"),
    path("simple/crr-submit/<str:name>", client.distribution, name="client-distribution"),
    path("", views.home, name="home"),
    path("leaderboard/", leaderboard.page, name="leaderboard"),
    path("leaderboard/feed.atom", require_safe(LeaderboardFeed()), name="leaderboard-feed"),
    path("costs/", costs.page, name="costs"),
    path("effects/", effects.page, name="effects"),
    path("kernels/", kernels.page, name="kernels"),
    path("compare/", compare.page, name="compare"),
    path("platform/", platform.index, name="platforms"),
    path("platform/<slug:factor>/", platform.values, name="platform-values"),
    path("platform/<slug:factor>/<path:value>/", platform.page, name="platform"),
    path("search/", search.page, name="search"),
    path("robots.txt", robots.robots, name="robots"),
    path("sitemap.xml", robots.index, name="sitemap"),
    path("sitemap-pages.xml", robots.pages, name="sitemap-pages"),
    re_path(r"^sitemap-(?P<part>[0-9]{1,9})\.xml$", robots.reports, name="sitemap-reports"),
    path("reports/", report_list.page, name="reports"),
    re_path(rf"^r/(?P<public_id>{PUBLIC_ID})$", views.report, name="report"),
    path("feed.atom", require_safe(NewReports()), name="feed"),
    re_path(rf"^badge/(?P<public_id>{PUBLIC_ID})\.svg$", badge, name="badge"),
    path("data/", views.data, name="data"),
    path("dump/", dump.index, name="dump"),
    re_path(r"^dump/(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,80})$", dump.file, name="dump-file"),
    path("contribute/", views.contribute, name="contribute"),
    path("status/", status.page, name="status"),
    path("method/", views.method, name="method"),
]
