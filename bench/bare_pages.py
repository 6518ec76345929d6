"""What pages are measured against: an empty page, and a page with a table of constants."""

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path

COLUMNS = 10
_TABLE = engines["django"].from_string(
    "<!doctype html><title>Table</title><table>{% for row in rows %}<tr>{% for cell in row %}"
    "<td>{{ cell }}</td>{% endfor %}</tr>{% endfor %}</table>"
)


def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<!doctype html><title>Empty</title>")


def table(request: HttpRequest, cells: int) -> HttpResponse:
    """Rows of ten, `cells` together."""
    rows = [[f"{row}.{column}" for column in range(COLUMNS)] for row in range(cells // COLUMNS)]
    return HttpResponse(_TABLE.render({"rows": rows}, request))


urlpatterns = [path("empty/", empty), path("table/<int:cells>/", table)]
