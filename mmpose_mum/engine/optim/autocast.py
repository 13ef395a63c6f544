"""Mixed precision by torch.autocast on whatever device the model is on, CPUs included."""
from contextlib import contextmanager, nullcontext
from typing import Optional, Union

import torch
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from mmpose.registry import OPTIM_WRAPPERS
from torch import nn


def cpu_has_bfloat16() -> bool:
    """Tell whether this machine's CPU multiplies bfloat16 in hardware.

    Without that, autocast on the CPU is slower than float32. PyTorch has no public question for
    it, so the answer is read from Linux' list of CPU flags; False elsewhere.
    """
    try:
        with open('/proc/cpuinfo') as f:
            flags = next((line for line in f if line.startswith(('flags', 'Features'))), '')
    except OSError:
        return False
    return any(flag in flags.split() for flag in ('avx512_bf16', 'amx_bf16', 'bf16'))


def has_bfloat16(device: str) -> bool:
    """Tell whether devices of a type (``'cpu'``, ``'cuda'``, …) multiply bfloat16 in hardware.

    NVIDIA's do since Ampere, compute capability 8.0. On older ones PyTorch refuses bfloat16 or
    emulates it, which is slow; its own ``is_bf16_supported`` counts the emulation. On Apple's, old
    versions of PyTorch have no autocast at all.
    """
    if device == 'cpu':
        return cpu_has_bfloat16()
    if device == 'cuda' and not torch.version.hip:
        return torch.cuda.get_device_capability()[0] >= 8
    return device != 'mps'


def uses_bfloat16(enabled: Union[bool, str], device: str) -> bool:
    """Tell whether ``AutocastOptimWrapper(enabled=…)`` runs a type of device in bfloat16."""
    return has_bfloat16(device) if enabled == 'auto' else bool(enabled)


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Run the training step's forward in bfloat16 where that is fast, without loss scaling.

    MMEngine's ``AmpOptimWrapper`` insists on an accelerator. bfloat16 has float32's range, so it
    needs no gradient scaler, and one context serves CPU and GPU. For float16 use
    ``AmpOptimWrapper``. The log says which precision the first step has.

    Args:
        enabled (bool | str): ``'auto'`` switches autocast on where the device has bfloat16 in
            hardware: not on NVIDIA's GPUs before Ampere, nor on many CPUs. True and False force it.
        **kwargs: Those of MMEngine's ``OptimWrapper``.

    Raises:
        ValueError: If ``enabled`` is anything else.
    """

    def __init__(self, enabled='auto', **kwargs) -> None:
        super().__init__(**kwargs)
        if enabled not in (True, False, 'auto'):
            raise ValueError(f"enabled must be True, False or 'auto', got {enabled!r}")
        self.enabled = enabled
        self._in_bfloat16: Optional[bool] = None  # not known before the first step

    @contextmanager
    def optim_context(self, model: nn.Module):
        """Enter autocast for the device that the model's parameters are on."""
        device = next(model.parameters()).device.type
        if self._in_bfloat16 is None:
            self._in_bfloat16 = self._choose(device)
        with super().optim_context(model):
            with torch.autocast(device, torch.bfloat16) if self._in_bfloat16 else nullcontext():
                yield

    def _choose(self, device: str) -> bool:
        """Tell whether steps run in bfloat16, and log it: the figures depend on it a little."""
        chosen = uses_bfloat16(self.enabled, device)
        why = f'this {device} has {"" if chosen else "no "}bfloat16 in hardware' \
            if self.enabled == 'auto' else f'enabled={self.enabled}'
        print_log(f'Training steps run in {"bfloat16" if chosen else "float32"}: {why}', 'current')
        return chosen
