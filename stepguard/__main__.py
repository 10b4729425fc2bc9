"""`python -m stepguard`: the same command as `stepguard`."""

from __future__ import annotations

import sys

from stepguard.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
