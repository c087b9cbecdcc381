"""The images and scores that the study's runs train on."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from iqa_train.doctor.check_result import Checkup, from_sentence
from iqa_train.errors import DataError

if TYPE_CHECKING:  # pydantic only when a study is read
    from iqa_train.study.spec import RunSpec


def check_data(specs: Sequence["RunSpec"]) -> Iterator[Checkup]:
    """Each set once: whether its table can be read and all its images are there. Nothing without runs."""
    if not specs:
        return
    from iqa_train.datasets.catalogue import folder_of, read_table
    from iqa_train.datasets.demo import dataset as demo
    from iqa_train.datasets.image_files import require_images

    sets = dict.fromkeys((spec.settings.dataset, spec.settings.data_dir, spec.source) for spec in specs)
    for name, data_dir, source in sets:
        folder = folder_of(name, data_dir, source)
        if name == demo.NAME and not source.csv and not (folder / demo.MARKER).exists():
            yield Checkup("data-set", "note", f"{name} is not in {folder} yet", "the first run makes it")
            continue
        try:
            table = require_images(read_table(name, source, data_dir))
        except DataError as error:
            yield from_sentence("data-set", "error", str(error))
        else:
            yield Checkup("data-set", "ok", f"{name}: {len(table):,} images in {table.root}, none missing")
