"""Runs the command line in this process, and holds what it left behind."""

import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nightjar.cli.main import main
from nightjar.storage import Database


@dataclass(frozen=True)
class Result:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, which succeeded."""
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def refusal(self) -> str:
        """Its one line on stderr."""
        assert self.code == 1, (self.code, self.out, self.err)
        assert self.out == ""
        [line] = self.err.splitlines()
        assert line.startswith("nightjar: ")
        return line.removeprefix("nightjar: ")


@dataclass(frozen=True)
class CommandLine:
    """The command `nightjar` on two databases; called with its arguments."""

    monkeypatch: pytest.MonkeyPatch
    output: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> Result:
        """Run a command."""
        self.monkeypatch.setattr(sys, "argv", ["nightjar", *arguments])
        log = logging.getLogger("nightjar")
        # A command may show what is logged, on a stream that is closed after the test.
        self.monkeypatch.setattr(log, "handlers", list(log.handlers))
        self.output.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return Result(code or 0, *self.output.readouterr())

    def use(self, dev: Database, prod: Database, home: Path) -> "CommandLine":
        """Take the databases from the environment, as the real command does."""
        self.monkeypatch.setenv("NIGHTJAR_DEV_URL", dev.conninfo)
        self.monkeypatch.setenv("NIGHTJAR_PROD_URL", prod.conninfo)
        self.monkeypatch.setenv("NIGHTJAR_HOME", str(home))
        self.monkeypatch.delenv("NIGHTJAR_USECASES", raising=False)
        return self
