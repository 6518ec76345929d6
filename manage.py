#!/usr/bin/env python
"""Django's command line for the registry."""

import os
import secrets
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")
    if sys.argv[1:2] == ["parse_report"]:
        # Parsing stores nothing: it needs no key, no database, and no folder to keep them in.
        os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(48))
        os.environ["DATABASE_URL"] = "sqlite://:memory:"
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
