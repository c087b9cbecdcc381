"""The old name of `iqa_train.scheduler.scheduler`."""

import iqa_train.startup  # noqa: F401 (before anything that opens a file)

# isort: split
import sys

from iqa_train.scheduler.scheduler import main

if __name__ == "__main__":
    sys.exit(main())
