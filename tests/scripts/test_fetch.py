"""scripts/interpreters.py on machines where fetching fails."""

import os
import subprocess
import sys

import pytest

from travel import PATIENCE, REPOSITORY


@pytest.mark.skipif(os.name != "posix", reason="apt is a program of Linux")
def test_a_fetch_that_fails_leaves_what_was_fetched_before(tmp_path):
    """Without a network, without apt, or on a day on which the suite lacks a package."""
    commands, pyenv, cache = tmp_path / "commands", tmp_path / "pyenv", tmp_path / "cache"
    commands.mkdir()
    apt_get = commands / "apt-get"
    apt_get.write_text("#!/bin/sh\necho 'E: no network' >&2\nexit 100\n")
    apt_get.chmod(0o755)
    fetched = cache / "cloudpickle-tests" / "interpreters" / "debian" / "usr" / "bin" / "python3.14"
    fetched.parent.mkdir(parents=True)
    fetched.touch()
    environment = {
        **os.environ,
        "PATH": f"{commands}:/bin:/usr/bin",
        "PYENV_ROOT": str(pyenv),
        "XDG_CACHE_HOME": str(cache),
    }
    command = [sys.executable, str(REPOSITORY / "scripts" / "interpreters.py"), "fetch", "3.14d"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert "3.14d could not be had" in done.stdout
    assert fetched.exists()
