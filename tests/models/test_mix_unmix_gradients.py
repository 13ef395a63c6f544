"""Gradients pass through a mixed forward, as they would without it where pixels are alone."""
import pytest
import torch
from mixing_models import CPU, MAPPER, SIZE, estimator, images, make_pointwise


def gradients(model, x, seed_site):
    model.zero_grad()
    with model.neck.mixing(len(x), CPU) as site:
        output = model(x, None)
    assert site == seed_site
    (output ** 2).sum().backward()
    return {name: p.grad for name, p in model.named_parameters()}


@pytest.mark.filterwarnings('ignore:torch.utils.checkpoint')  # MMPose leaves the variant open
@pytest.mark.parametrize('site', ['input', 'layer2'])
def test_activation_checkpointing_gives_the_same_gradients(site):
    torch.manual_seed(0)
    models = [estimator(mixed=True, with_cp=with_cp).double() for with_cp in (False, True)]
    models[1].load_state_dict(models[0].state_dict())
    results = []
    for model in models:
        model.train()
        model.neck._site_probs = torch.tensor([site == s for s in model.neck.sites]).double()
        model.neck.attach(model.backbone, SIZE)
        results.append(gradients(model, images(dtype=torch.float64), site))
    for name, gradient in results[0].items():
        torch.testing.assert_close(results[1][name], gradient, msg=name)


@pytest.mark.parametrize('site', ['input', 'layer2'])
def test_the_gradient_through_a_mixed_forward_reaches_every_weight(site):
    model = estimator(MAPPER, mixed=True).train()
    model.neck._site_probs = torch.tensor([site == s for s in model.neck.sites]).double()
    model.neck.attach(model.backbone, SIZE)
    x = images().requires_grad_()
    results = gradients(model, x, site)
    results['image'] = x.grad
    unused = ('neck.neck.convs.0', 'neck.neck.convs.1', 'neck.neck.convs.2')  # the head takes one
    for name, gradient in results.items():
        if not name.startswith(unused):
            assert gradient is not None and gradient.isfinite().all(), name
            assert gradient.abs().max() > 0, name


def test_gradients_of_a_pointwise_network_are_those_without_mixing():
    torch.manual_seed(0)
    model = estimator(mixed=True)
    make_pointwise(model.backbone)
    model.neck.attach(model.backbone, SIZE)
    x = images(dtype=torch.float64)
    weight = model.backbone.conv1.weight

    def gradient_of(outputs):
        loss = sum((output ** 3).sum() for output in outputs)
        # The other taps would see the neighbours, which are mixed ones.
        return torch.autograd.grad(loss, weight)[0][..., 3, 3]

    expected = gradient_of(model.backbone(x))
    assert expected.abs().max() > 0
    for _ in range(4):
        with model.neck.mixing(len(x), CPU):
            outputs = model.neck(model.backbone(x))
        torch.testing.assert_close(gradient_of(outputs), expected)


def test_on_the_meta_device():
    model = estimator(MAPPER, mixed=True)
    model.neck.attach(model.backbone, SIZE)
    model.to('meta').train()
    x = images().to('meta')
    for _ in range(3):
        with model.neck.mixing(len(x), x.device):
            output = model(x, None)
        output.sum().backward()
        assert output.is_meta
