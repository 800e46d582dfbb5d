"""Names for the array types that the search passes around; shapes stand in the docstrings."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Slots: TypeAlias = NDArray[np.int32]
Bytes: TypeAlias = NDArray[np.uint8]
