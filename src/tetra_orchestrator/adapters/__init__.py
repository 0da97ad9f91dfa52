"""Effects, one folder per port. Adapters import the core and the ports, never each other."""
