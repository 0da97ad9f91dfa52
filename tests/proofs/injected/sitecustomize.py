"""Puts the faulty store into a command whose environment asks for it. The interpreter imports this by its name."""

import os
import sys

if "STORE_FAULTS" in os.environ and "tetra_orchestrator" in sys.orig_argv:
    from proofs.storefaults_store import install

    install(os.environ["STORE_FAULTS"])
