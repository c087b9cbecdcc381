"""Whether another user could have put files into the pixel caches."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from iqa_train.doctor.check_result import Checkup, from_sentence
from iqa_train.trust import distrust


def check_caches(caches: Iterable[Path], of_nodes: Iterable[str] = ()) -> Iterator[Checkup]:
    """An error for each cache folder that training would refuse for this; a note for those that each node names."""
    for cache_dir in of_nodes:
        message = f'pixel cache: cache_dir = "{cache_dir}" is expanded on the node where a run starts, not checked here'
        yield Checkup("cache", "note", message)
    for cache in caches:
        complaint = distrust(cache, cache / "pixels")
        if complaint is not None:
            yield from_sentence("cache", "error", f"pixel cache: {complaint}, or set cache_dir to a folder of your own")
