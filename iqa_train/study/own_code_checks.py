"""Checks of a study's own code that need not run it: files that are missing, options that its functions do not have."""

from collections.abc import Iterator
from pathlib import Path

from iqa_train.errors import did_you_mean
from iqa_train.study.findings import Audited, Finding
from iqa_train.study.module_clashes import module_clashes, named_like_libraries
from iqa_train.study.own_code import MOST_FILES, names_defined, references, signature_of
from iqa_train.study.setting_fields import OPTIONS_OF
from iqa_train.study.signature import option_problems


def missing_code(audited: Audited) -> Iterator[Finding]:
    """Files that the settings name and that are not there."""
    for run in audited.runs:
        code = run.spec.code
        for name in code.missing if code is not None else ():
            used = references(run.spec.settings).items()
            named = [setting for setting, of in used if not of.file or Path(of.file) == Path(name)]
            value = getattr(run.spec.settings, named[0]) if named else name
            where = f'{named[0] if named else "code"} = "{value}"'
            says = (
                f"{where}: there is no readable file {name} beside the study file; name a file there, or a module "
                "that Python finds"
            )
            yield Finding("own-code-missing", "error", run.spec.experiment, tuple(named), says)


def too_many_files(audited: Audited) -> Iterator[Finding]:
    """Code of which not all files would be copied."""
    for run in audited.runs:
        if run.spec.code is not None and len(run.spec.code.files) > MOST_FILES:
            says = f"its own code imports more than {MOST_FILES} files of the study's folder; install them as a package"
            yield Finding("own-code-large", "error", run.spec.experiment, (), says)


def wrong_options(audited: Audited) -> Iterator[Finding]:
    """Functions that a file does not define, options that a network or a loss does not have, values it cannot take."""
    for run in audited.runs:
        settings, name = run.spec.settings, run.spec.experiment
        code = references(settings)
        for options, of in OPTIONS_OF.items():
            value = getattr(settings, of)
            names = names_defined(code[of], audited.folder) if of in code else None
            if names is not None and code[of].name not in names:
                hint = did_you_mean(code[of].name, names)
                says = f'{of} = "{value}": {code[of].place} has no "{code[of].name}"; {hint}'
                yield Finding("own-code-name", "error", name, (of,), says)
                continue
            signature = signature_of(settings, of, audited.folder)
            if signature is None:  # known only once it runs
                continue
            for option, says in option_problems(getattr(settings, options), signature, value):
                yield Finding("own-code-options", "error", name, (f"{options}.{option}", of), f"{options}: {says}")


def ambiguous_modules(audited: Audited) -> Iterator[Finding]:
    """Modules of one name that network and loss have in different folders, and modules with the name of a library."""
    for run in audited.runs:
        for find in (module_clashes, named_like_libraries):
            for setting, says in find(run.spec.settings, audited.folder):
                yield Finding("own-code-modules", "error", run.spec.experiment, (setting,), says)
