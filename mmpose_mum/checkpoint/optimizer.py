"""An optimizer's state in a checkpoint, as a new optimizer would have it."""
from typing import Any, Dict

from torch import Tensor


def steps_to_host(state: Dict[str, Any]) -> None:
    """Move an optimizer's counters of steps to the CPU, where a new optimizer has them.

    A Runner loads a checkpoint onto the GPU, and PyTorch leaves the counters there. Adam and AdamW
    read them in each step, so a resumed training would wait for the GPU once or twice for each
    weight. Optimizers that want them on the GPU (``fused``, ``capturable``) move them there
    themselves when they load the state.

    Args:
        state (dict): Of an optimizer wrapper, or of several by name; changed in place.
    """
    for part in (state, *state.values()):
        of_weights = part.get('state') if isinstance(part, dict) else None
        for entry in of_weights.values() if isinstance(of_weights, dict) else ():
            if isinstance(entry, dict) and isinstance(entry.get('step'), Tensor):
                entry['step'] = entry['step'].cpu()
