"""Policy over ports: the loop, one attempt, reconcile. Never an adapter, never the configuration's text."""
