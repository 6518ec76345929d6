"""The WSGI application that the application server loads."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")
application = get_wsgi_application()

from registry import storage  # noqa: E402 - settings are read by now

storage.require()
