"""MMEngine's ``compile`` takes the step as it is: the same losses, wherever a step is mixed."""
import copy

import pytest
import torch

from helpers.labelers import CODECS, HEADS, NAMES, write_labeler
from helpers.tiny_estimators import build
from mmpose_mum.testing import INPUT_SIZE, tiny_batch

CURRENT = tuple(map(int, torch.__version__.split('.')[:2])) > (2, 1)


@pytest.mark.skipif(not CURRENT, reason='PyTorch 2.1 does not compile MMEngine\'s models')
def test_a_compiled_step_has_the_same_losses_at_every_site():
    plain = build(mix_unmix=dict(sites=['input', 'layer2']), keypoint_cutout=dict(num_keypoints=1))
    compiled = copy.deepcopy(plain)
    torch._dynamo.reset()
    compiled.forward = torch.compile(compiled.forward, backend='eager')  # as MMEngine's Runner does
    batch, sites = tiny_batch(plain), set()
    plain.watchers.append(lambda step: sites.add(step.site))
    for seed in range(5):
        found = []
        for model in (plain, compiled):
            torch.manual_seed(seed)
            found.append(model(**batch, mode='loss'))
        assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    assert sites == {'input', 'layer2'}


@pytest.mark.skipif(not CURRENT, reason='PyTorch 2.1 does not compile MMEngine\'s models')
def test_a_compiled_step_has_the_same_losses_by_a_labeler(tmp_path):
    head = dict(HEADS['simcc'], input_size=INPUT_SIZE, in_featuremap_size=(2, 3), out_channels=6,
                decoder=dict(CODECS['simcc'], input_size=INPUT_SIZE))
    plain = build(labeler=write_labeler(tmp_path, 'simcc', head=head))
    plain.load_labeler(NAMES[:4])
    compiled = copy.deepcopy(plain)
    torch._dynamo.reset()
    compiled.forward = torch.compile(compiled.forward, backend='eager')
    batch, found = tiny_batch(plain), []
    for model in (plain, compiled):
        torch.manual_seed(0)
        found.append(model(**batch, mode='loss'))
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
