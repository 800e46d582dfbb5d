"""Repairing a version that failed: diagnosis, a test that shows the failure, the mended source, verification.

It is made of the author's pieces; what is new is that the test has to fail on the module that failed.
"""

from tacit_builder.repair.mending import repair

__all__ = ["repair"]
