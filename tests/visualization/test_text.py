"""Words fit their room, whichever letters OpenCV draws."""
import string

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpose_mum.visualization.text import write


@settings(max_examples=50)
@given(words=st.lists(st.text(string.ascii_letters + string.digits + ' .,%', min_size=1,
                              max_size=30), min_size=1, max_size=3),
       width=st.integers(100, 400), size=st.sampled_from([.4, .42, .45, 1.]))
def test_words_stay_within_their_width(words, width, size):
    image = np.zeros((60, 600, 3), np.uint8)
    write(image, [(word, (255, 255, 255)) for word in words], (50, 40), width, size)
    columns = image.any((0, 2)).nonzero()[0]
    if ''.join(words).strip():
        assert len(columns)
        assert columns.min() >= 48 and columns.max() <= 50 + width + 3  # a letter's soft edge


def test_words_have_their_colors_in_their_order():
    image = np.zeros((30, 300, 3), np.uint8)
    write(image, [('first', (255, 0, 0)), ('second', (0, 255, 0))], (5, 20), 290, .45)
    first, second = (image[..., channel].any(0).nonzero()[0] for channel in (0, 1))
    assert first.max() < second.min() and not image[..., 2].any()


def test_a_name_that_is_no_text_is_written_all_the_same():
    image = np.zeros((30, 300, 3), np.uint8)
    write(image, [('b\udce9.jpg', (255, 0, 0))], (5, 20), 290, .45)  # OpenCV would end the process
    assert image.any()
