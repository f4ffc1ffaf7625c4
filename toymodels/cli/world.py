"""The flags of `toymodels train` that describe the features and the model."""

import dataclasses
from typing import Literal

import numpy as np

import toymodels as tm
from toymodels.config import SettingsError, check_count
from toymodels.features import FeatureDistribution, random_point
from toymodels.models import ModelSettings, ResidualDenoiser
from toymodels.training import Objective, Optimiser


@dataclasses.dataclass(frozen=True)
class ObjectiveFlags(Objective):  # noqa: D101
    __doc__ = Objective.__doc__

    def __post_init__(self):
        """No checks yet: tyro would report them in a form of its own."""

    def settings(self) -> Objective:
        """The checked settings."""
        return Objective(**vars(self))


@dataclasses.dataclass(frozen=True)
class OptimiserFlags(Optimiser):  # noqa: D101
    __doc__ = Optimiser.__doc__

    def __post_init__(self):
        """No checks yet, as above."""

    def settings(self) -> Optimiser:
        """The checked settings."""
        return Optimiser(**vars(self))


@dataclasses.dataclass(frozen=True)
class Network:
    """The model and its activations.

    Args:
        kind: the tied autoencoder, the model that computes on its features, or the
            residual stack that takes noise off its features.
        neurons: hidden units of a computation model, or of a block of a denoiser.
        activation: of the output: relu, identity, gelu, tanh3, jumprelu, solu.
        hidden_activation: of the hidden layer; identity for an autoencoder and relu for
            a computation model and for the blocks of a denoiser when not given.
        threshold: of jumprelu.
        tied: decode with the transposed encoder; else with a matrix of its own.
        bias: whether the output has one; of a denoiser, whether its blocks have.
        compression: insist on d < n; turn off for a control without a bottleneck.
        residual: add the input to the output of a computation model.
        blocks: of a denoiser.
        head: how a denoiser is read: linear values with the loss of --objective, or
            logistic or softmax logits with their cross-entropy.
        normalise: normalise a denoiser's stream before it is read.
        noise: standard deviation of Gaussian noise on the hidden activations, of a
            denoiser before and after every block, while it trains; several values train
            one model for each.
        init_name: initial weights, xavier_2d or xavier_3d.
    """

    kind: Literal["autoencoder", "computation", "denoiser"] = "autoencoder"
    neurons: int = 6
    activation: str = "relu"
    hidden_activation: str | None = None
    threshold: float = 0.0
    tied: bool = True
    bias: bool = True
    compression: bool = True
    residual: bool = False
    blocks: int = 4
    head: Literal["linear", "logistic", "softmax"] = "logistic"
    normalise: bool = False
    noise: tuple[float, ...] = ()
    init_name: str = "xavier_2d"

    def settings(self, n: int, d: int) -> ModelSettings:
        """The model's settings for n features and d hidden dimensions."""
        if self.kind == "denoiser":
            return ResidualDenoiser(
                n=n,
                d=d,
                neurons=self.neurons,
                blocks=self.blocks,
                head=self.head,
                activation=self.hidden_activation or "relu",
                threshold=self.threshold,
                block_bias=self.bias,
                normalise=self.normalise,
            )
        common = {
            "activation": self.activation,
            "threshold": self.threshold,
            "bias": self.bias,
            "init_name": self.init_name,
        }
        if self.kind == "computation":
            return tm.ComputationModel(
                n=n,
                neurons=self.neurons,
                hidden_activation=self.hidden_activation or "relu",
                residual=self.residual,
                **common,
            )
        return tm.Autoencoder(
            n=n,
            d=d,
            hidden_activation=self.hidden_activation or "identity",
            tied=self.tied,
            compression=self.compression,
            **common,
        )


@dataclasses.dataclass(frozen=True)
class Distribution:
    """How samples are drawn.

    Args:
        kind: independent features; exactly k active; groups of `group_size` that are on
            together (correlated) or of which one is on at a time (anticorrelated);
            gates of a Gaussian copula with equal correlation.
        probability: of a feature being active, in (0, 1]; several values train one
            model for each.
        ratio: probability of feature i is p · ratio^i.
        values: of an active feature: uniform in [0, 1], signed in [-1, 1], boolean 1.
        k: active features of exactly_k.
        group_size: features in a group.
        correlation: of the copula's Gaussians, in [0, 1).
        noise: standard deviation of Gaussian noise on every coordinate.
        unit_norm: scale every sample to length 1 (independent features only).
        backdoor_rate: share of samples that are one fixed point, in [0, 1); several
            values train one model for each, and 0 is the same model without a backdoor.
        backdoor_size: active features of that point, drawn with the seed.
    """

    kind: Literal[
        "independent", "exactly_k", "correlated", "anticorrelated", "copula"
    ] = "independent"
    probability: tuple[float, ...] = (0.05,)
    ratio: float = 1.0
    values: Literal["uniform", "signed", "boolean"] = "uniform"
    k: int = 1
    group_size: int = 2
    correlation: float = 0.0
    noise: float = 0.0
    unit_norm: bool = False
    backdoor_rate: tuple[float, ...] = (0.0,)
    backdoor_size: int = 2

    def settings(self, n: int, seed: int) -> FeatureDistribution:
        """The distribution over n features; `seed` draws the backdoor's point."""
        features = self._base(n)
        if self.unit_norm:
            features = tm.UnitNorm(base=features)
        if self.noise:
            features = tm.NoisyFeatures(base=features, scale=self.noise)
        if any(self.backdoor_rate):
            rates = self.backdoor_rate
            features = tm.RepeatedPoint(
                base=features,
                point=self._point(n, seed),
                rate=rates[0] if len(rates) == 1 else np.array(rates),
            )
        return features

    @property
    def members(self) -> int:
        """How many models are trained for each seed."""
        return max(len(self.probability), len(self.backdoor_rate))

    def _base(self, n: int) -> FeatureDistribution:
        p = np.asarray(self.probability)[:, None]
        if len(self.backdoor_rate) > 1:
            if len(p) > 1:
                raise SettingsError(
                    "backdoor_rate",
                    f"{len(self.backdoor_rate)} values",
                    "one value where there are several probabilities",
                )
            p = p[0, 0]  # the same for all members
        if self.kind == "exactly_k":
            return tm.ExactlyK(n=n, k=self.k, values=self.values)
        if self.kind in ("correlated", "anticorrelated"):
            return self._groups(n, p)
        p = p * self.ratio ** np.arange(n)
        if self.kind == "copula":
            shared = np.full((n, n), self.correlation)
            np.fill_diagonal(shared, 1.0)
            return tm.CopulaFeatures(
                n=n, probability=p, correlation=shared, values=self.values
            )
        return tm.IndependentFeatures(n=n, probability=p, values=self.values)

    def _groups(self, n: int, p: np.ndarray) -> FeatureDistribution:
        size = check_count("group_size", self.group_size)
        if n % size:
            raise SettingsError("group_size", size, f"a divisor of n = {n}")
        kind = (
            tm.CorrelatedGroup if self.kind == "correlated" else tm.AnticorrelatedGroup
        )
        group = kind(n=size, probability=p, values=self.values)
        return tm.Concatenated(parts=(group,) * (n // size))

    def _point(self, n: int, seed: int) -> np.ndarray:
        size = check_count("backdoor_size", self.backdoor_size)
        if size > n:
            raise SettingsError("backdoor_size", size, f"at most n = {n}")
        return random_point(
            n, size=size, seed=seed, values=self.values, unit_norm=self.unit_norm
        )
