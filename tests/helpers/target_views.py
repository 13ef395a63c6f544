"""Random views of one image, and its keypoints in them, for tests of pseudo targets."""
import numpy as np
import torch
from mmpose.structures.bbox import get_udp_warp_matrix, get_warp_matrix

FLIP_INDICES = [0, 2, 1, 4, 3, 5]
IMAGE_SIZE = np.array([640, 480])
INPUT_SIZE = (96, 128)  # width, height
HEATMAP_SIZE = (24, 32)
# Of four images, one, the other, none and both views are flipped.
FLIPS = [False, True, False, True], [False, False, True, True]


def make_view(rng, input_size, flip, ratio=None, udp=False):
    """Returns a random crop of an image as MMPose makes it, after a flip of the image."""
    width, height = input_size
    scale = (ratio or rng.uniform(.85, 1.15)) * 300
    make = get_udp_warp_matrix if udp else get_warp_matrix
    center = IMAGE_SIZE / 2 + rng.uniform(-30, 30, 2)
    matrix = np.eye(3)
    matrix[:2] = make(
        center, np.array([scale, scale * height / width]), rng.uniform(-60, 60),
        output_size=input_size)
    if flip:
        matrix = matrix @ [[-1, 0, IMAGE_SIZE[0] - 1], [0, 1, 0], [0, 0, 1]]
    return matrix


def seen_in(matrix, flip, joints):
    """Returns an image's keypoints in a view. In a mirrored one, left and right trade names."""
    joints = joints @ matrix[:2, :2].T + matrix[:2, 2]
    return joints[FLIP_INDICES] if flip else joints


def views(matrices, flips):
    return dict(warp_mat=torch.from_numpy(np.stack(matrices)).float(), flip=torch.tensor(flips))


def identity_views(batch=1, flips=(False, )):
    return views([np.eye(3)] * batch, list(flips) * batch)


def seen_twice(seed, input_size=INPUT_SIZE, spread=110, **options):
    """Puts keypoints into random views of the teacher and the student, flipped as in ``FLIPS``.

    Returns:
        The views of the teacher and of the student, and the keypoints (B, K, 2), float32, in pixels
        of the teachers' inputs and of the students'.
    """
    rng = np.random.default_rng(seed)
    joints = IMAGE_SIZE / 2 + rng.uniform(-spread, spread, (4, 6, 2))
    matrices = [[make_view(rng, input_size, flip, **options) for flip in which] for which in FLIPS]
    found = [np.stack([seen_in(*view) for view in zip(*both, joints)]).astype(np.float32)
             for both in zip(matrices, FLIPS)]
    return (*(views(*both) for both in zip(matrices, FLIPS)), *found)


def renamed(in_teacher):
    """Gives the teacher's keypoints (B, K, ...) the names that they have in the student's view."""
    swapped = torch.tensor(FLIPS[0]) ^ torch.tensor(FLIPS[1])
    in_teacher = torch.as_tensor(in_teacher)
    where = swapped.view(-1, *[1] * (in_teacher.ndim - 1))
    return torch.where(where, in_teacher[:, FLIP_INDICES], in_teacher)


def inside(keypoints, input_size=INPUT_SIZE, margin=0.):
    """Tells which keypoints lie in the input, that many pixels from its border."""
    keypoints = torch.as_tensor(keypoints)
    return ((keypoints >= margin) & (keypoints <= torch.tensor(input_size) - 1 - margin)).all(-1)
