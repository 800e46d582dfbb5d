"""The command under test."""

import sys

COMMAND = [sys.executable, "-m", "tacit.cli"]
