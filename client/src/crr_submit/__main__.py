"""The command crr-submit: help and mistakes end before the rest is loaded."""

import sys

from crr_submit.options import parse


def main() -> None:
    options = parse(sys.argv[1:])
    from crr_submit.cli import execute

    sys.exit(execute(options))


if __name__ == "__main__":
    main()
