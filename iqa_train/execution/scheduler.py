"""The old name of `iqa_train.scheduler.scheduler`."""

import sys

from iqa_train.scheduler.scheduler import main

if __name__ == "__main__":
    sys.exit(main())
