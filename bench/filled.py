"""`python -m bench.filled N`: fills the registry of DATABASE_URL with N reports by SQL."""

import os
import sys

import django


def main(count: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")
    django.setup()
    from bench.bench_pages import fill

    fill(count)


if __name__ == "__main__":
    main(int(sys.argv[1]))
