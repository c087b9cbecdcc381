"""The old name of `iqa_train.scheduler.detached_runner`."""

import sys

from iqa_train.scheduler.detached_runner import main

if __name__ == "__main__":
    sys.exit(main())
