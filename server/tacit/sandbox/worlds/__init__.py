"""Worlds: the real one, that of a test, and that of a recorded run; each answers what `tacit.sandbox.world` asks."""
