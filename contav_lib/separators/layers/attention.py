"""Attention blocks and position codes of the audio-visual transformer (post-norm, as in DETR)."""

from math import log, pi

import torch
from torch import nn
from torch.nn import functional


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017) on `[B, L, D]` tokens, with the weight layout of `nn.MultiheadAttention`."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        if width % heads:
            raise ValueError(f"{heads} heads do not divide a width of {width}.")
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        bias: torch.Tensor | None = None,
        maps: list[torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """`[B, Lq, D]` attends to `[B, Lk, D]`. `bias` `[B, Lk]`: bool (True = may be attended) or added to the logits.

        The attention map `[B, heads, Lq, Lk]` is appended to `maps` where there is such a list.
        """
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k, v = (
            functional.linear(x, w, b).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for x, w, b in zip((query, key, value), weights, biases, strict=True)
        )
        if bias is not None:
            bias = bias[:, None, None, :] if bias.dtype == torch.bool else bias[:, None, None, :].to(q.dtype)
        if maps is not None:
            maps.append(attention_map(q, k, bias))
        attended = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return self.out_proj(attended.transpose(1, 2).flatten(2))


def attention_map(query: torch.Tensor, key: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Attention of each query `[..., Lq, d]` to each key `[..., Lk, d]`: probabilities `[..., Lq, Lk]`.

    `bias`, of a shape that fits those: bool (True = may be attended) or added to the logits.
    """
    logits = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    if bias is not None:
        logits = logits.masked_fill(~bias, float("-inf")) if bias.dtype == torch.bool else logits + bias
    return logits.softmax(-1)


class FeedForward(nn.Module):
    """Two linear layers with a ReLU between: width -> hidden -> width."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.linear1 = nn.Linear(width, hidden)
        self.linear2 = nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear2(functional.relu(self.linear1(x)))


class EncoderLayer(nn.Module):
    """Self-attention over the audio tokens, then a feed-forward layer. The position code is added to queries and keys."""

    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.self_attention = Attention(width, heads)
        self.feed_forward = FeedForward(width, hidden)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)

    def forward(self, tokens: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        placed = tokens + position
        tokens = self.norm1(tokens + self.self_attention(placed, placed, tokens))
        return self.norm2(tokens + self.feed_forward(tokens))


def sine_positions(rows: int, columns: int, width: int, device: torch.device) -> torch.Tensor:
    """Position code of a map, `[rows * columns, width]`: half the channels say the row, half the column (as in DETR)."""

    def code(length: int) -> torch.Tensor:
        place = torch.arange(1, length + 1, device=device, dtype=torch.float32) / (length + 1e-6) * 2 * pi
        channel = torch.arange(width // 2, device=device, dtype=torch.float32)
        angle = place[:, None] / 10_000 ** (2 * (channel // 2) / (width // 2))
        return torch.stack([angle[:, 0::2].sin(), angle[:, 1::2].cos()], -1).flatten(1)

    by_row = code(rows)[:, None, :].expand(rows, columns, -1)
    by_column = code(columns)[None, :, :].expand(rows, columns, -1)
    return torch.cat([by_row, by_column], -1).flatten(0, 1)


def step_positions(steps: int, width: int, device: torch.device) -> torch.Tensor:
    """Position code of a sequence, `[steps, width]` (Vaswani et al. 2017, section 3.5)."""
    place = torch.arange(steps, device=device, dtype=torch.float32)[:, None]
    rate = torch.exp(torch.arange(0, width, 2, device=device, dtype=torch.float32) * -(log(10_000.0) / width))
    return torch.stack([(place * rate).sin(), (place * rate).cos()], -1).flatten(1)
