"""`python -m contav_lib ...` is `contav ...`."""

import sys

from contav_lib.cli import main

if __name__ == "__main__":
    sys.exit(main())
