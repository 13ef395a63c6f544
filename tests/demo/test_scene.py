"""The demo's images are varied, and what is labeled visible on them is on the person."""
import numpy as np

from mmpose_mum.demo.scene import render_demo_sample


def test_visible_keypoints_lie_on_the_silhouette():
    # The flags are read off the image at the rounded keypoint, and so is this.
    for index in range(40):
        sample = render_demo_sample(0, 'val', index)
        for x, y, flag in sample.keypoints:
            if flag == 2:
                assert sample.silhouette[int(round(y)), int(round(x))]


def test_images_are_varied():
    samples = [render_demo_sample(0, 'train', index) for index in range(150)]
    flags = np.stack([sample.keypoints[:, 2] for sample in samples])
    assert all(0.02 < (flags == flag).mean() < 0.9 for flag in (0, 1, 2))
    # The person's left shoulder is on either side of the image, in its share of the images.
    both = (flags[:, 5] > 0) & (flags[:, 6] > 0)
    right_of = np.array([s.keypoints[5, 0] > s.keypoints[6, 0] for s in samples])[both]
    assert 0.25 < right_of.mean() < 0.85
    assert len({sample.image.shape for sample in samples}) > 50
