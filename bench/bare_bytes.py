"""The floor under a hot chart: a Django project of one view that answers with a file's bytes from
memory, or 304 where the reader has them. An application server loads `application`.
"""

import hashlib
import os
from pathlib import Path

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

CONTENT = Path(os.environ["BARE_BYTES"]).read_bytes()
ETAG = f'"{hashlib.sha256(CONTENT).hexdigest()}"'
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"], MIDDLEWARE=[])
django.setup()


def answer(request: HttpRequest) -> HttpResponse:
    if request.headers.get("If-None-Match") == ETAG:
        return HttpResponse(status=304, headers={"ETag": ETAG})
    length = str(len(CONTENT))
    headers = {"ETag": ETAG, "Content-Length": length, "Content-Type": "image/png"}
    return HttpResponse(CONTENT, headers=headers)


urlpatterns = [path("", answer)]
application = get_wsgi_application()
