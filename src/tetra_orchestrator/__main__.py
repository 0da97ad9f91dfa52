"""`python -m tetra_orchestrator`."""

from tetra_orchestrator.cli.main import main

main()
