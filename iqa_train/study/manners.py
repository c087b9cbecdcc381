"""How runs behave towards other users of a server, as the queue and the runner know it; without pydantic.

Written in the `[local]` table of a study file (`local_table.py`) or given as options. No part of a run's identity.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from iqa_train.schema import Span, build
from iqa_train.study.quiet_hours import quiet_until, quiet_words, spans_of
from iqa_train.text import plural


@dataclass(frozen=True)
class Manners:
    """What `[local]` says; without it, nothing is limited."""

    gpu_order: tuple[Annotated[int, Span(0, 1023)], ...] = ()  # those to use, the preferred first; empty: all
    max_gpus: Annotated[int, Span(1, 1024)] | None = None
    quiet_hours: tuple[str, ...] = ()
    yield_to_others: bool = False
    nice: Annotated[int, Span(0, 19)] = 0

    def as_json(self) -> dict[str, Any]:
        """For state files and `--json`."""
        return asdict(self)

    def quiet_now(self, at: float) -> str:
        """That no run is started at the moment `at` (as time.time() counts), and until when; "" if one may be."""
        until = quiet_until(self.quiet_hours, at)
        return "" if until is None else quiet_words(until, at)

    def words(self) -> list[str]:
        """Each limit, for a person; empty where there is none."""
        gpus = ", ".join(map(str, self.gpu_order))
        return [
            *([f"GPUs {gpus}, in this order" if len(self.gpu_order) > 1 else f"GPU {gpus}"] if gpus else []),
            *([f"at most {plural(self.max_gpus, 'GPU')} at once"] if self.max_gpus else []),
            *([f"no start in quiet hours ({', '.join(self.quiet_hours)})"] if self.quiet_hours else []),
            *(["gives a GPU to other users"] if self.yield_to_others else []),
            *([f"niceness {self.nice}"] if self.nice else []),
        ]


UNLIMITED = Manners()


def manners_from(entry: Mapping[str, Any]) -> Manners:
    """What `as_json` gave. Raises ValueError for another thing."""
    manners = build(Manners, entry)
    spans_of(manners.quiet_hours)
    return manners
