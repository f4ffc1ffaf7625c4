"""The notebook's way under `torch.compile`.

Loss and gradient are compiled as one graph, the optimiser as another, as PyTorch's
tutorials do. Samples stay eager: Inductor's random numbers on a CPU cost several times
the eager ones (4.8 against 1.2 ms a step at 10 runs, n = 5 on one core), so a compiled
`sample` would be an unfair peer.

Letters as in `eager_pytorch.py`.
"""

import torch  # pyright: ignore[reportMissingImports] (the extra `bench`)
from torch._dynamo.exc import (  # pyright: ignore[reportMissingImports]
    BackendCompilerFailed,
)

from eager_pytorch import Ensemble, serve
from workloads import Workload


class CompiledEnsemble(Ensemble):
    """The same models; needs a C++ compiler."""

    def __init__(self, work: Workload):
        super().__init__(work)
        self.loss = torch.compile(super().loss)
        self.update = torch.compile(self.optimiser.step)


if __name__ == "__main__":
    # Without a C++ compiler, for one.
    serve(CompiledEnsemble, unavailable=(BackendCompilerFailed,))
