"""What the closed forms take and give: numbers, or grids of them.

They broadcast as NumPy does, so that one call fills a phase diagram.
"""

import numpy as np
from jaxtyping import Float, Shaped

Numbers = Shaped[np.ndarray, "..."] | np.number | float | int
Grid = Float[np.ndarray, "..."] | float
