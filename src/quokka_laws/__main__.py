"""``python -m quokka_laws`` is the command line."""

from quokka_laws.cli.app import main

main(prog_name="quokka-laws")
