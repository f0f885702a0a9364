"""Trains a module on mmengine's Runner, resumable bit for bit on a CPU."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import CheckpointHook, EMAHook, Hook, LoggerHook
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.registry import LOOPS
from mmengine.runner import BaseLoop, Runner, find_latest_checkpoint
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from vvipe.datasets.pairs import iteration_seed
from vvipe.errors import TrainingError
from vvipe.recipe import Optimization

QUARTERS = (0.25, 0.5, 0.75, 1.0)
"""Shares of the iterations after which a run is looked at."""


def half_precision(device: torch.device) -> contextlib.AbstractContextManager:
    """Matrix products in bfloat16, twice as fast on recent processors; weights and losses stay float32."""
    return torch.autocast(device.type, torch.bfloat16)


@LOOPS.register_module()
class IterationLoop(BaseLoop):
    """A train loop whose iteration i sees item i of the data set and a random state seeded by (seed, stage, i).

    mmengine's own loop replays its sampler to resume and leaves dropout to the global generator; here nothing needs
    replaying, so that a run resumed after a kill equals an unbroken one.
    """

    def __init__(self, runner: Runner, dataloader: DataLoader, max_iters: int, seed: int) -> None:
        super().__init__(runner, dataloader)
        self.max_iters, self.max_epochs, self.seed = max_iters, 1, seed
        self._iter = self._epoch = 0  # mmengine sets these two when it resumes

    @property
    def iter(self) -> int:
        return self._iter

    @property
    def epoch(self) -> int:
        return self._epoch

    def run(self) -> torch.nn.Module:
        runner = self.runner
        runner.call_hook("before_train")
        runner.call_hook("before_train_epoch")
        runner.model.train()
        while self.iter < self.max_iters:
            self._run_iteration(self.dataloader.dataset[self.iter])
        runner.call_hook("after_train_epoch")
        runner.call_hook("after_train")
        return runner.model

    def _run_iteration(self, batch: dict[str, Tensor]) -> None:
        runner = self.runner
        torch.manual_seed(iteration_seed(self.seed, self.dataloader.dataset.stage + 2, self.iter))
        runner.call_hook("before_train_iter", batch_idx=self.iter, data_batch=batch)
        outputs = runner.model.train_step(batch, optim_wrapper=runner.optim_wrapper)
        total = float(outputs["loss"])
        if not torch.isfinite(torch.tensor(total)):
            raise TrainingError(f"the loss became {total} at iteration {self.iter}: lower the learning rate")
        runner.call_hook("after_train_iter", batch_idx=self.iter, data_batch=batch, outputs=outputs)
        self._iter += 1


class ProgressHook(Hook):
    """A progress bar on stderr, silent where stderr is no terminal."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.bar: tqdm | None = None

    def before_train(self, runner: Runner) -> None:
        self.bar = tqdm(total=runner.max_iters, initial=runner.iter, desc=self.label, unit="it", disable=None)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if self.bar is not None:
            self.bar.update()

    def after_train(self, runner: Runner) -> None:
        if self.bar is not None:
            self.bar.close()


class AverageHook(EMAHook):
    """An exponential moving average of weights and batch statistics over about the last tenth of the iterations.

    The decay warms up, min(0.9999, t / (t + 10)): a constant 0.9999 over a short run is mostly initial weights.
    """

    def __init__(self) -> None:
        super().__init__(
            ema_type="MomentumAnnealingEMA", momentum=0.0001, gamma=10, update_buffers=True, strict_load=True
        )

    def use(self, model: torch.nn.Module) -> None:
        """Puts the average into `model`."""
        model.load_state_dict(self.ema_model.module.state_dict())


class QuarterHook(Hook):
    """Calls back after each quarter of the iterations, with the averaged module where there is one."""

    priority = "LOW"

    def __init__(self, callback: Callable[[torch.nn.Module, float], None], average: AverageHook | None) -> None:
        self.callback, self.average = callback, average

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        share = (batch_idx + 1) / runner.max_iters
        for quarter in QUARTERS:
            if batch_idx / runner.max_iters < quarter <= share:
                model = runner.model if self.average is None else self.average.ema_model.module
                was_training = model.training
                self.callback(model.eval(), quarter)
                model.train(was_training)


def run_iterations(
    model: BaseModel,
    batches: Dataset,
    optimization: Optimization,
    work_dir: Path,
    *,
    label: str,
    seed: int,
    device: str = "cpu",
    checkpoint_interval: int = 500,
    at_quarters: Callable[[torch.nn.Module, float], None] | None = None,
) -> None:
    """Trains `model` in place, from the latest checkpoint in `work_dir` or from the start.

    Args:
        model: Maps a batch, by name, to a dict of losses.
        batches: Item i is the batch of iteration i; has the attribute `stage`, a number that seeds its own stream.
        at_quarters: Called with the module as it would be used and the share done, at QUARTERS.

    Raises:
        TrainingError: The loss left the finite numbers.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    average = AverageHook() if optimization.averages_weights else None
    hooks: list[Hook] = [ProgressHook(label)]
    if average is not None:
        hooks.append(average)
    if at_quarters is not None:
        hooks.append(QuarterHook(at_quarters, average))
    with _quiet_mmengine():
        runner = _runner(
            model.to(device), batches, optimization, work_dir, hooks, seed=seed, checkpoint_interval=checkpoint_interval
        )
        runner.train()
    if average is not None:
        average.use(model)


def _runner(
    model: BaseModel,
    batches: Dataset,
    optimization: Optimization,
    work_dir: Path,
    hooks: list[Hook],
    *,
    seed: int,
    checkpoint_interval: int,
) -> Runner:
    return Runner(
        model=model,
        work_dir=str(work_dir),
        experiment_name=f"{work_dir.parent.name}-{work_dir.name}-{id(model)}",
        train_dataloader=DataLoader(batches, batch_size=None),
        train_cfg={"type": "IterationLoop", "max_iters": optimization.iterations, "seed": seed},
        optim_wrapper={"optimizer": _optimizer(optimization)},
        param_scheduler=_schedule(optimization),
        default_hooks={
            "logger": LoggerHook(interval=50, log_metric_by_epoch=False),
            "sampler_seed": None,
            "checkpoint": CheckpointHook(interval=checkpoint_interval, by_epoch=False, max_keep_ckpts=2),
        },
        custom_hooks=hooks,
        visualizer={"type": "Visualizer", "vis_backends": [{"type": "TensorboardVisBackend"}]},
        resume=find_latest_checkpoint(str(work_dir)) is not None,
        randomness={"seed": seed},
        log_level="INFO",
        default_scope=None,
    )


def _optimizer(optimization: Optimization) -> dict[str, Any]:
    """mmengine's config; Adagrad starts from TensorFlow's accumulator of 0.1, which Pr-VIPE's code relies on."""
    config: dict[str, Any] = {"type": optimization.optimizer, "lr": optimization.learning_rate}
    return config | {"initial_accumulator_value": 0.1} if optimization.optimizer == "Adagrad" else config


def _schedule(stage: Optimization) -> list[dict[str, Any]]:
    """Linear warm-up over a tenth of the iterations, then cosine to zero (V-VIPE is silent), or none at all."""
    if not stage.anneals:
        return []
    warm_up = max(1, stage.iterations // 10)
    rise = {"type": "LinearLR", "start_factor": 0.04, "by_epoch": False, "begin": 0, "end": warm_up}
    if stage.iterations == warm_up:
        return [rise]
    fall = {"type": "CosineAnnealingLR", "eta_min": stage.learning_rate * 1e-3, "by_epoch": False}
    return [rise, fall | {"begin": warm_up, "end": stage.iterations}]


@contextlib.contextmanager
def _quiet_mmengine() -> Iterator[None]:
    """mmengine's log in its file alone, its own warnings off, and its checkpoints loadable.

    A checkpoint of ours holds the log history, which torch >= 2.6 loads only if it is allow-listed.
    """
    import numpy as np

    reconstruct = np.empty(0).__reduce__()[0]
    scalar = np.float64(0).__reduce__()[0]
    trusted = [HistoryBuffer, np.ndarray, np.dtype, reconstruct, scalar, getattr, *_dtype_classes()]
    with (
        warnings.catch_warnings(),
        torch.serialization.safe_globals(trusted),
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        warnings.simplefilter("ignore")
        yield


def _dtype_classes() -> list[type]:
    import numpy as np

    return [type(np.dtype(kind)) for kind in ("float64", "float32", "int64", "bool")]
