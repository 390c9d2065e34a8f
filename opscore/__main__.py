"""``python -m opscore``: the command line, where the script is not on the path."""

from opscore.cli import main

if __name__ == "__main__":
    main()
