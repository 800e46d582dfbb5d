"""The command under test, and the capabilities that come with it."""

import sys
from pathlib import Path

COMMAND = [sys.executable, "-m", "tacit.cli"]
SHIPPED = Path(__file__).parents[2] / "capabilities"
