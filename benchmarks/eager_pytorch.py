"""The notebook's way: eager PyTorch, an instance axis, samples batch-first.

x is (batch, runs, n) and W is (runs, n, d), as in the notebook that accompanies Elhage
et al. 2022: einsum over instances, two draws a feature (value and gate), AdamW, the
loss averaged over samples and features and summed over instances.

Letters: `runs` models trained together, n features, d hidden dimensions.
"""

import time

import torch  # pyright: ignore[reportMissingImports] (the extra `bench`)

from workloads import LEARNING_RATE, WEIGHT_DECAY, Workload, answer


class Ensemble:
    """The models of one workload and their optimiser."""

    def __init__(self, work: Workload):
        torch.manual_seed(0)
        self.work = work
        self.probability = torch.tensor(work.probability)[None, :, None]
        self.importance = torch.tensor(work.importance)[None, None, :]
        self.W = torch.nn.Parameter(torch.empty(work.runs, work.n, work.d))
        torch.nn.init.xavier_normal_(self.W)
        self.b = torch.nn.Parameter(torch.zeros(work.runs, work.n))
        self.optimiser = torch.optim.AdamW(
            [self.W, self.b], lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY
        )

    def sample(self) -> torch.Tensor:
        """Fresh features, (batch, runs, n)."""
        shape = (self.work.batch, self.work.runs, self.work.n)
        values = torch.rand(shape)
        return torch.where(
            torch.rand(shape) <= self.probability, values, torch.zeros(())
        )

    def loss(self, x: torch.Tensor) -> torch.Tensor:
        """Weighted squares of x − ReLU(WᵀW x + b), averaged for each run, (runs,)."""
        hidden = torch.einsum("bin,ind->bid", x, self.W)
        out = torch.einsum("bid,ind->bin", hidden, self.W)
        error = self.importance * (x - torch.relu(out + self.b)) ** 2
        return error.mean(dim=(0, 2))

    def update(self) -> None:
        """AdamW, from the gradients that are there."""
        self.optimiser.step()

    def step(self) -> torch.Tensor:
        """One update; returns the loss of each run before it, (runs,)."""
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.loss(self.sample())
        loss.sum().backward()
        self.update()
        return loss.detach()


def serve(kind: type[Ensemble], unavailable: tuple[type[Exception], ...] = ()) -> None:
    """Answer requests: {"workload": …} starts one, {} trains its next repeat.

    An exception among `unavailable` says that this machine cannot run such ensembles.
    """
    ensemble: Ensemble | None = None

    def handle(request):
        nonlocal ensemble
        if "workload" in request:
            ensemble = kind(Workload(**request["workload"]))
        assert ensemble is not None, "the first request names a workload"
        start = time.perf_counter()
        try:
            for _ in range(ensemble.work.steps):
                loss = ensemble.step()
        except unavailable as reason:
            return {"unavailable": str(reason).partition("\n")[0]}
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "loss": float(loss.mean())}

    answer(handle)


if __name__ == "__main__":
    serve(Ensemble)
