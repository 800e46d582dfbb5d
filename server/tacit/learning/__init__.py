"""What Tacit learns from use; so far, the answers of pure runs."""

from tacit.learning.cache import CachedRun, RunCache

__all__ = ["CachedRun", "RunCache"]
