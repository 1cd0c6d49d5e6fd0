"""Calling the command line from a test."""

from neurograph.cli.main import run_command


def call(capsys, *arguments):
    """Status, stdout and stderr of one command."""
    status = run_command([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def refused(capsys, *arguments, says):
    """Exit 2, nothing on stdout, and one line of error on stderr that holds ``says``, or all of it."""
    status, out, err = call(capsys, *arguments)
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert status == 2 and out == "" and len(errors) == 1, (status, out, err)
    assert "Traceback" not in err
    for part in [says] if isinstance(says, str) else says:
        assert part in errors[0], errors[0]
