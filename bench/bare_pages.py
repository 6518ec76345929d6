"""What pages are measured against: an empty page, and a page with a table of 50 × 10 constants."""

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path

ROWS = [[f"{row}.{column}" for column in range(10)] for row in range(50)]
_TABLE = engines["django"].from_string(
    "<!doctype html><title>Table</title><table>{% for row in rows %}<tr>{% for cell in row %}"
    "<td>{{ cell }}</td>{% endfor %}</tr>{% endfor %}</table>"
)


def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<!doctype html><title>Empty</title>")


def table(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_TABLE.render({"rows": ROWS}, request))


urlpatterns = [path("empty/", empty), path("table/", table)]
