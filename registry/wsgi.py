"""The WSGI application that the application server loads."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")
application = get_wsgi_application()

from registry import storage  # noqa: E402 - settings are read by now

storage.require()
# Every view is loaded now: else each worker's first reader would wait for that, a second or more.
get_resolver().url_patterns  # noqa: B018
# What is loaded by now stays: the collector need not look through it again and again.
gc.freeze()
