"""The tied ReLU autoencoder in plain NumPy: forward, loss, hand gradient, AdamW.

An independent reference that the compiled trainer must match to rounding. One model,
x: (n, batch), W: (d, n), b: (n,).
"""

import dataclasses

import numpy as np


def forward(W, b, x, *, relu=True):
    z = W.T @ (W @ x) + b[:, None]
    return np.maximum(z, 0) if relu else z


def loss(W, b, x, importance, *, relu=True, exponent=2.0):
    error = np.abs(x - forward(W, b, x, relu=relu)) ** exponent
    return (importance[:, None] * error).sum(axis=0).mean()


def gradient(W, b, x, importance, *, relu=True, exponent=2.0):
    """∂loss/∂W and ∂loss/∂b; W acts as encoder and as decoder."""
    batch = x.shape[1]
    h = W @ x
    z = W.T @ h + b[:, None]
    out = np.maximum(z, 0) if relu else z
    error = out - x
    dz = exponent * np.abs(error) ** (exponent - 1) * np.sign(error)
    dz = importance[:, None] * dz / batch
    if relu:
        dz = dz * (z > 0)
    return h @ dz.T + (W @ dz) @ x.T, dz.sum(axis=1)


@dataclasses.dataclass
class AdamW:
    """Decoupled weight decay after Loshchilov & Hutter 2019, biases included."""

    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self):
        self.moments = {}
        self.count = 0

    def update(self, params, grads):
        self.count += 1
        new = {}
        for name, value in params.items():
            m, v = self.moments.get(name, (np.zeros_like(value), np.zeros_like(value)))
            m = self.beta1 * m + (1 - self.beta1) * grads[name]
            v = self.beta2 * v + (1 - self.beta2) * grads[name] ** 2
            self.moments[name] = m, v
            m_hat = m / (1 - self.beta1**self.count)
            v_hat = v / (1 - self.beta2**self.count)
            step = m_hat / (np.sqrt(v_hat) + self.epsilon) + self.weight_decay * value
            new[name] = value - self.learning_rate * step
        return new
