"""The user's quotas, where the system's `quota` command knows of any."""

from collections.abc import Iterator

from iqa_train.doctor.check_result import Checkup, Verdict
from iqa_train.doctor.system_command import ask

_NEARLY = 0.9


def check_quota() -> Iterator[Checkup]:
    """A warning for each quota that is nearly used up, an error for one that is."""
    for line in ask("quota", "-u", "-w", "-p").splitlines():
        name, *fields = line.split()
        numbers = [int(field.rstrip("*")) for field in fields if field.rstrip("*").isdigit()]
        if len(numbers) < 8:  # blocks and files: used, soft limit, hard limit, time that is left
            continue
        for words, (used, soft, hard) in (("space (kB)", numbers[:3]), ("files", numbers[4:7])):
            limit = min((one for one in (soft, hard) if one), default=0)
            if limit and used >= _NEARLY * limit:
                message = f"your quota of {words} on {name}: {used:,} of {limit:,} used"
                verdict: Verdict = "error" if used >= limit else "warning"
                yield Checkup("disk-space", verdict, message, "remove files there, or ask for more")
