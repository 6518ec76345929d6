#!/usr/bin/env python
"""Django's command line for the registry."""

import os
import secrets
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")
    if sys.argv[1:2] == ["parse_report"]:
        # Parsing stores nothing: it needs neither the registry's key nor a folder to keep it in.
        os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(48))
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
