"""What Tacit learns from use: the answers of pure runs, and the policies that govern it."""

from tacit.learning.cache import CachedRun, RunCache
from tacit.learning.policies import CostLimits, FailureHandling, Policies, PolicyVersion, Pruning

__all__ = ["CachedRun", "CostLimits", "FailureHandling", "Policies", "PolicyVersion", "Pruning", "RunCache"]
