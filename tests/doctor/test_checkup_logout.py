"""Whether detached runs outlive the log-out, by systemd's settings."""

from collections.abc import Callable
from pathlib import Path

import pytest

from iqa_train.doctor.check_result import CheckScope
from iqa_train.doctor.logout import logout_warning
from tests.doctor.checkup_world import put, the, tool

SESSION = "0::/user.slice/user-1000.slice/session-3.scope\n"
MANAGER = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/term.scope\n"
SERVICE = "12:pids:/x\n1:name=systemd:/system.slice/slurmstepd.scope/job_1\n"

Host = Callable[..., str | None]


@pytest.fixture
def host(where: CheckScope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    (where.root / "run/systemd/system").mkdir(parents=True)

    def warning(kill: str = "", linger: str = "no", cgroup: str = SESSION, user: str = "1000") -> str | None:
        put(where.root / "proc/self/cgroup", cgroup.replace("1000", user))
        put(where.root / "etc/systemd/logind.conf", f"[Login]\n#KillUserProcesses=yes\n{kill}\n")
        tool(tmp_path, monkeypatch, "loginctl", f"echo $@ >{tmp_path}/asked; echo Linger={linger}")
        return logout_warning(where.root)

    return warning


def test_both_log_out_rules_together_kill_what_a_session_has_started(host: Host, where: CheckScope) -> None:
    told = host("KillUserProcesses=yes")
    assert told
    for words in ("KillUserProcesses=yes", "Linger=no", "loginctl enable-linger", "systemd-run --user --scope"):
        assert words in told
    checkup = the(where, "logout")
    assert (checkup.verdict, f"{checkup.message}; {checkup.cure}") == ("warning", told)
    assert host() is None
    assert host("KillUserProcesses=no") is None
    assert the(where, "logout").verdict == "ok"


def test_lingering_alone_does_not_save_a_session(host: Host, tmp_path: Path) -> None:
    told = host("KillUserProcesses=yes", linger="yes")
    assert told
    assert "systemd-run" in told
    assert "enable-linger" not in told
    assert len((tmp_path / "asked").read_text().split()) == 3


def test_under_the_users_manager_only_lingering_counts(host: Host) -> None:
    told = host(cgroup=MANAGER)
    assert told
    assert told.endswith("`loginctl enable-linger`")
    assert host("KillUserProcesses=yes", linger="yes", cgroup=MANAGER) is None


def test_a_service_knows_no_log_out(host: Host) -> None:
    assert host("KillUserProcesses=yes\nKillExcludeUsers=", cgroup=SERVICE) is None


def test_without_a_stated_unit_both_settings_count(host: Host) -> None:
    always = "KillUserProcesses=yes\nKillExcludeUsers="
    assert host(always, cgroup="0::/\n") is not None
    assert host(always, linger="yes", cgroup="0::/\n") is None


def test_users_who_are_excepted(host: Host) -> None:
    assert host("KillUserProcesses=yes", user="0") is None  # root, unless the list of exceptions is emptied
    assert host("KillUserProcesses=yes\nKillExcludeUsers=", user="0") is not None
    assert host("KillUserProcesses=yes\nKillExcludeUsers=ann 54321", user="54321") is None
    assert host("KillOnlyUsers=ann 54321", user="54321") is not None
    assert host("KillUserProcesses=yes\nKillOnlyUsers=ann", user="54321") is None


@pytest.mark.parametrize(
    ("files", "kills"),
    [
        ({"usr/lib/systemd/logind.conf.d/50-a.conf": "yes"}, True),
        ({"run/systemd/logind.conf.d/50-a.conf": "on", "etc/systemd/logind.conf.d/60-b.conf": "no"}, False),
        ({"run/systemd/logind.conf.d/60-a.conf": "1", "etc/systemd/logind.conf.d/50-b.conf": "no"}, True),
        ({"usr/lib/systemd/logind.conf.d/50-a.conf": "yes", "etc/systemd/logind.conf.d/50-a.conf": "no"}, False),
        ({"usr/lib/systemd/logind.conf": "yes"}, False),  # hidden by the one in /etc
        ({"etc/systemd/logind.conf.d/50-a.txt": "yes"}, False),
    ],
)
def test_drop_ins(host: Host, where: CheckScope, files: dict[str, str], kills: bool) -> None:
    for name, value in files.items():
        put(where.root / name, f"[Login]\n; a word\nKillUserProcesses = {value}\n[Other]\nKillUserProcesses=no\n")
    assert (host() is not None) is kills


def test_a_user_who_is_not_logged_in_and_lingers(
    host: Host, where: CheckScope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host(cgroup=MANAGER)
    tool(tmp_path, monkeypatch, "loginctl", "echo not logged in >&2; exit 1")
    assert logout_warning(where.root) is not None
    user = (tmp_path / "asked").read_text().split()[1]
    put(where.root / "var/lib/systemd/linger" / user, "")
    assert logout_warning(where.root) is None


def test_no_systemd(where: CheckScope) -> None:
    put(where.root / "etc/systemd/logind.conf", "[Login]\nKillUserProcesses=yes\n")
    assert logout_warning(where.root) is None
