"""Several processes that train one network: `torchrun --nproc-per-node 2 -m soundkin train ...`.

Every process draws its own batch and takes the loss of it; gradients are averaged before the
weights move, so that all keep the same weights. The first process alone decides when to stop, logs
and writes. With one process nothing of this happens.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor, distributed

from soundkin.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from torch import nn

    Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Together:
    """Who this process is: number `rank` of `world`."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this process decides and writes."""
        return self.rank == 0

    def average_gradients(self, model: nn.Module) -> None:
        """Every gradient becomes the mean over the processes."""
        if self.world == 1:
            return
        given = [p.grad for p in model.parameters() if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in given])
        distributed.all_reduce(flat)
        means = torch.split(flat / self.world, [gradient.numel() for gradient in given])
        for gradient, mean in zip(given, means, strict=True):
            gradient.copy_(mean.view_as(gradient))

    def agree(self, *decisions: bool) -> tuple[bool, ...]:
        """What the first process has decided."""
        if self.world == 1:
            return decisions
        kept: list[tuple[bool, ...]] = [decisions]
        distributed.broadcast_object_list(kept)
        return kept[0]

    def states(self, generator: Generator) -> list[Tensor]:
        """The states of every process's draws, in order of rank."""
        if self.world == 1:
            return [generator.get_state()]
        states: list[Tensor] = [torch.empty(0)] * self.world
        distributed.all_gather_object(states, generator.get_state())
        return states

    def one_first(self, make: Callable[[], Made]) -> Made:
        """Made by the first process, and by the others only after that: for what lands on disk."""
        if self.world == 1:
            return make()
        if self.first:
            try:
                made = make()
            finally:
                distributed.barrier()
            return made
        distributed.barrier()
        return make()


@contextmanager
def together(device: str | torch.device) -> Iterator[tuple[Together, torch.device]]:
    """Join the processes that torchrun started: who this is, and its device.

    Of several GPUs each process takes that of its LOCAL_RANK. Without torchrun: one process. Raises
    InputError for a device that is not there.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Together(), existing(device)
        return
    local = os.environ.get("LOCAL_RANK", "0")
    chosen = existing(f"cuda:{local}" if str(device) == "cuda" else device)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    own: bool = not distributed.is_initialized()
    if own:
        # broadcasts of decisions go over the CPU, gradients over their own device
        distributed.init_process_group("cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Together(distributed.get_rank(), world), chosen
    finally:
        if own:
            distributed.destroy_process_group()


def existing(device: str | torch.device) -> torch.device:
    """A device by its name; raises InputError for one that is not there.

    Examples
    --------
    >>> existing("cpu")
    device(type='cpu')
    """
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        found = f"no device {str(device)!r} here"
        raise InputError(found, "cpu, or cuda where there is a GPU", "choose --device") from error
    return chosen
