"""The command crr-submit: help and mistakes end before the rest is loaded."""

import os
import sys

from crr_submit.options import parse


def main() -> None:
    _open_streams()
    options = parse(sys.argv[1:])
    from crr_submit.cli import execute

    sys.exit(execute(options))


def _open_streams() -> None:
    """Where one of the three is closed, the next file that is opened would be taken for it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


if __name__ == "__main__":
    main()
