"""Pure tensor functions: mixing, warping, cutout and averaging, without MMPose or state."""
