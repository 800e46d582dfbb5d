"""Thresholds of similarity."""

from __future__ import annotations

THRESHOLDS = {
    "minilm": {"fits": 0.3, "duplicate": 1.2},
    "service": {"fits": 0.3, "duplicate": 1.2},
    "lexical": {"fits": 0.08, "duplicate": 0.6},
}
