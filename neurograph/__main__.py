"""`python -m neurograph`, and the program `neurograph`."""

from neurograph import stopping

__all__ = ["run"]


def run() -> None:
    """Run the command line and exit."""
    stopping.at_once()
    from neurograph.cli import main  # a signal may come while it is loaded

    main()


if __name__ == "__main__":
    run()
