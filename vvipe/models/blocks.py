"""The residual MLP that every network here is made of (Martinez et al., ICCV 2017)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two layers of linear, batch norm, ReLU, dropout, with a skip connection."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_layer(width, width, dropout), *_layer(width, width, dropout))

    def forward(self, x: Float[Tensor, "N W"]) -> Float[Tensor, "N W"]:
        return x + self.layers(x)


class ResidualMLP(nn.Module):
    """(N, inputs) -> (N, outputs): a layer to `width`, `blocks` residual blocks, a linear head."""

    def __init__(self, inputs: int, outputs: int, *, width: int, blocks: int, dropout: float) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_layer(inputs, width, dropout))
        self.blocks = nn.Sequential(*(ResidualBlock(width, dropout) for _ in range(blocks)))
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Float[Tensor, "N I"]) -> Float[Tensor, "N O"]:
        return self.head(self.blocks(self.stem(x)))


def _layer(inputs: int, outputs: int, dropout: float) -> tuple[nn.Module, ...]:
    return nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU(), nn.Dropout(dropout)
