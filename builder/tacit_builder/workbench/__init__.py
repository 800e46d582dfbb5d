"""The workbench: what an author's language model works with while it implements a specification."""

from tacit_builder.workbench.bench import Workbench
from tacit_builder.workbench.trials import WorkPlan

__all__ = ["WorkPlan", "Workbench"]
