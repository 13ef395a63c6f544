"""Numbers follow from the length of the training, unless they are given, and are checked."""
import pytest

from helpers.conversions import RES50, convert
from mmpose_mum.convert import Options


def test_numbers_follow_the_arguments():
    cfg = convert(RES50, batch_size=8, ratio=3, max_iters=40000, grid=(2, 2), group_size=2)
    assert cfg.train_dataloader.batch_size == 32
    assert cfg.train_dataloader.sampler.source_ratio == [1, 3]
    assert cfg.auto_scale_lr.base_batch_size == 4 * 512
    assert cfg.custom_hooks[-1].momentum == 0.998 and cfg.model.burn_in == 1000
    assert cfg.model.mix_unmix.grid == (2, 2) and cfg.model.mix_unmix.group_size == 2
    uneven = convert(RES50, batch_size=10, ratio=0.25).train_dataloader.sampler
    assert uneven.source_ratio == [10, 2] and 'batch_size' not in uneven


@pytest.mark.parametrize('options, message', [
    (dict(ratio=0), 'ratio must be more than 0'),
    (dict(ratio=float('nan')), 'ratio must be more than 0'),
    (dict(ratio=float('inf')), 'ratio must be more than 0.*, got inf'),
    (dict(max_iters=0), 'max_iters must be at least 1'),
    (dict(max_iters=500, burn_in=500), 'burn_in must be less than max_iters=500, got 500'),
    (dict(batch_size=0), 'batch_size must be at least 1'),
    (dict(labeled_images='images'), 'labeled_images is .* but labeled, their json, is not given'),
    (dict(unlabeled_images='images'), 'but unlabeled, .* is no json: leave unlabeled_images out'),
])
def test_numbers_out_of_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        convert(RES50, **options)


@pytest.mark.parametrize('max_iters, burn_in, momentum, interval', [
    (200000, 5000, 0.9996, 5000),  # MUM's own memory
    (40000, 1000, 0.998, 1000),
    (1000000, 25000, 0.9996, 25000),
    (5000, 400, 0.995, 125),  # as measured at these two lengths
    (2500, 400, 0.995, 100),
    (1200, 200, 0.99, 100),
    (250, 41, 0.99, 125),
    (199, 33, 0.99, 199),  # validated once, at its end
    (10, 1, 0.99, 10),
    (1, 0, 0.99, 1),
])
def test_a_shorter_training_has_a_shorter_memory_within_bounds(
        max_iters, burn_in, momentum, interval):
    options = Options('images', max_iters=max_iters)
    assert (options.burn_in, options.momentum, options.interval) == (burn_in, momentum, interval)


def test_what_is_given_is_kept_though_it_is_zero():
    options = Options('images', max_iters=40000, burn_in=0, momentum=0.)
    assert options.burn_in == 0 and options.momentum == 0


@pytest.mark.parametrize('options, expected', [
    ({}, (32, 32)),
    (dict(batch_size=10), (10, 10)),
    (dict(ratio=1.5), (32, 48)),
    (dict(batch_size=10, ratio=0.01), (10, 1)),  # never none
])
def test_unlabeled_images_come_on_top_of_the_labeled_ones(options, expected):
    assert Options('images', **options).batch(32) == expected
