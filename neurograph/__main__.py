"""`python -m neurograph`."""

from neurograph.cli import main

if __name__ == "__main__":
    main()
