"""Affine maps of the plane, made of their parts."""
import math

import numpy as np
import torch


def affine(angle=0., scale=1., shift=(0., 0.), flip=False, center=(0., 0.)):
    """Returns a float64 map: flip, scale and rotate about the center, then shift."""
    cos, sin = scale * math.cos(math.radians(angle)), scale * math.sin(math.radians(angle))
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([-1. if flip else 1., 1.])
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = np.add(center, shift) - linear @ center
    return torch.from_numpy(matrix)
