"""Non-maximum suppression in plain torch, with the call signatures of mmcv.ops (whose own is compiled)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def box_iou(a: Tensor, b: Tensor, *, offset: int = 0) -> Tensor:
    """(N, M) intersection over union of boxes (N, 4) and (M, 4), x0 y0 x1 y1; 0 where both are empty.

    `offset` 1 counts the last pixel as part of a box.
    """
    sides = (torch.minimum(a[:, None, 2:], b[:, 2:]) - torch.maximum(a[:, None, :2], b[:, :2]) + offset).clamp(min=0)
    overlap = sides[..., 0] * sides[..., 1]
    areas = [((c[:, 2:] - c[:, :2] + offset).clamp(min=0)).prod(dim=1) for c in (a, b)]
    union = areas[0][:, None] + areas[1] - overlap
    return torch.where(union > 0, overlap / union, torch.zeros_like(union))


def nms(
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float,
    offset: int = 0,
    score_threshold: float = 0,
    max_num: int = -1,
) -> tuple[Tensor, Tensor]:
    """Boxes that overlap no better-scored kept box by more than `iou_threshold`, best first.

    Args:
        boxes: (N, 4) x0, y0, x1, y1.
        scores: (N,).
        iou_threshold: A box that overlaps a kept one by more is dropped.
        offset: 1 counts the last pixel as part of a box.
        score_threshold: Boxes scored no higher are dropped, where it is above 0.
        max_num: Largest number kept; -1 = all.

    Returns:
        (M, 5) kept boxes with their score, and (M,) their positions in `boxes`.
    """
    if offset not in (0, 1):
        raise ValueError(f"nms: expected offset 0 or 1, got {offset}")
    candidates = torch.nonzero(scores > score_threshold)[:, 0] if score_threshold > 0 else torch.arange(len(scores))
    candidates = candidates.to(scores.device)
    order = candidates[scores[candidates].argsort(descending=True, stable=True)]
    # One transfer to the processor: the loop below reads single numbers.
    overlaps = (box_iou(boxes[order], boxes[order], offset=offset) > iou_threshold).cpu()
    alive = torch.ones(len(order), dtype=torch.bool)
    kept = []
    for position in range(len(order)):
        if alive[position]:
            kept.append(position)
            alive &= ~overlaps[position]
    if max_num > 0:
        kept = kept[:max_num]
    keep = order[torch.tensor(kept, dtype=torch.long, device=order.device)]
    return torch.cat([boxes[keep], scores[keep, None]], dim=1), keep


def batched_nms(
    boxes: Tensor,
    scores: Tensor,
    idxs: Tensor,
    nms_cfg: dict[str, Any] | None,
    class_agnostic: bool = False,
) -> tuple[Tensor, Tensor]:
    """`nms` within each group of `idxs` (a class or a level), best first over all groups.

    Args:
        boxes: (N, 4) x0, y0, x1, y1.
        scores: (N,).
        idxs: (N,) group of each box.
        nms_cfg: Settings of `nms`; ``type`` other than ``nms`` is refused; None only sorts by score.
        class_agnostic: Treat all boxes as one group.

    Returns:
        (M, 5) kept boxes with their score, and (M,) their positions in `boxes`.
    """
    if nms_cfg is None:
        keep = scores.argsort(descending=True, stable=True)
        return torch.cat([boxes[keep], scores[keep, None]], dim=1), keep
    settings = dict(nms_cfg)
    kind = settings.pop("type", "nms")
    settings.pop("split_thr", None)
    is_one_group = settings.pop("class_agnostic", class_agnostic)
    max_num = settings.pop("max_num", -1)
    if kind != "nms":
        raise NotImplementedError(f"batched_nms: {kind!r} needs the compiled mmcv; here only type 'nms' is available")
    groups = [torch.arange(len(scores), device=scores.device)]
    if not is_one_group:
        groups = [torch.nonzero(idxs == group)[:, 0] for group in idxs.unique()]
    kept = [group[nms(boxes[group], scores[group], **settings)[1]] for group in groups]
    keep = torch.cat(kept) if kept else torch.zeros(0, dtype=torch.long, device=boxes.device)
    keep = keep[scores[keep].argsort(descending=True, stable=True)]
    if max_num > 0:
        keep = keep[:max_num]
    return torch.cat([boxes[keep], scores[keep, None]], dim=1), keep
