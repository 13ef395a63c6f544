"""A person is drawn at one size, whatever the image's."""
import numpy as np

from mmpose_mum.visualization.person import CAPTION, PADDING, PANEL, PanelVisualizer, draw_captioned

WIDTH, HEIGHT = PANEL


def test_one_line_of_an_image_is_drawn():
    people = PanelVisualizer(dict(num_keypoints=1, keypoint_colors=[[0, 0, 0]], skeleton_links=[],
                                  skeleton_link_colors=[]))
    for height, width in ((5000, 3), (3, 5000)):
        panel = draw_captioned(
            people, np.full((height, width, 3), 255, np.uint8), np.array([0., 0, width, height]),
            np.zeros((1, 2)), np.array([False]), ())
        assert panel.shape == (HEIGHT + CAPTION, WIDTH, 3) and (panel[:HEIGHT] > 64).any()


def test_a_panel_shows_the_box_at_one_size_whatever_the_images():
    class Visualizer:
        """Draws nothing, and keeps what it should have drawn."""

        def add_datasample(self, _, image, sample, **kwargs):
            self.image, self.sample = image, sample

        def get_image(self):
            return self.image

    visualizer = Visualizer()
    for size in (40, 1000):  # a box of a quarter of the image, blue left and red right
        image = np.zeros((size, size, 3), np.uint8)
        image[:, :size // 2, 0] = image[:, size // 2:, 2] = 255
        box = np.array([size / 4, size / 4, size * 3 / 4, size * 3 / 4])
        keypoints = np.array([box[:2], box[2:], [-size, 0]])
        panel = draw_captioned(
            visualizer, image, box, keypoints, np.array([True, False, True]), ('name', 'x' * 99))
        assert panel.shape == (HEIGHT + CAPTION, WIDTH, 3)
        assert panel[100, 90, 0] == 255 and panel[100, 110, 2] == 255
        drawn = visualizer.sample.pred_instances
        half = WIDTH / 2 / PADDING
        assert np.allclose(drawn.keypoints[0, :2], [[100 - half, 120 - half],
                                                    [100 + half, 120 + half]])
        assert drawn.keypoints_visible.tolist() == [[1, 0, 0]]  # not labeled; outside
