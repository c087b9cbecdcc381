"""What the job of a run is given on a cluster: `[slurm]` < the profile's < the experiment's."""

from iqa_train.study.model import Study
from iqa_train.study.profiles import profiles_by_study
from iqa_train.study.slurm_table import SlurmTable
from iqa_train.study.spec import RunSpec


def resolved(study: Study, spec: RunSpec) -> SlurmTable:
    """The table for a run of the study, or of the study that it is under one of its profiles."""
    name = profiles_by_study(study).get(spec.study)
    experiment = next((found for found in study.experiments if found.id == spec.experiment), None)
    table = (study.slurm or SlurmTable()).under(study.profiles[name].slurm if name else None)
    return table.under(experiment.slurm if experiment else None)
