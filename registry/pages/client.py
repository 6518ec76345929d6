"""This registry's own client, as the single file that any Python 3.8 or later runs."""

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.http import require_safe

NAME = "crr-submit.pyz"


@require_safe
def single_file(request: HttpRequest) -> FileResponse:
    """`/crr-submit.pyz`, built from the commit that this registry runs; 404 before `make setup`."""
    try:
        file = open(settings.CLIENT_DIR / NAME, "rb")  # noqa: SIM115 - the response closes it
    except FileNotFoundError:
        raise Http404 from None
    response = FileResponse(file, as_attachment=True, filename=NAME)
    response["Content-Type"] = "application/zip"
    response["Cache-Control"] = "no-cache"
    return response
