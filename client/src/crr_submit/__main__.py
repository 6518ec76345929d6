"""`python -m crr_submit`: the same as the command crr-submit."""

from crr_submit.cli import main

if __name__ == "__main__":
    main()
