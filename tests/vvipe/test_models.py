from __future__ import annotations

import torch

from vvipe.models.blocks import ResidualMLP
from vvipe.models.vvipe import Architecture, KeypointEncoder, PoseVAE, encoder_input


def test_networks_have_the_papers_sizes():
    # Martinez blocks of width 1024: 2 linear layers and 2 batch norms each; two blocks, a stem and a head.
    def parameters(inputs: int, outputs: int) -> int:
        linear = (inputs * 1024 + 1024) + 4 * (1024 * 1024 + 1024) + (1024 * outputs + outputs)
        return linear + 5 * 2 * 1024

    def count(module: torch.nn.Module) -> int:
        return sum(p.numel() for p in module.parameters())

    architecture = Architecture()
    assert count(PoseVAE(architecture).encoder) == parameters(51, 64)
    assert count(PoseVAE(architecture).decoder) == parameters(32, 51)
    assert count(KeypointEncoder(architecture)) == parameters(26, 32)


def test_blocks_of_zeroed_layers_pass_their_input_through():
    mlp = ResidualMLP(4, 2, width=8, blocks=2, dropout=0.0).eval()
    for block in mlp.blocks:
        for parameter in block.parameters():
            torch.nn.init.zeros_(parameter)
    x = torch.randn(5, 4)
    torch.testing.assert_close(mlp(x), mlp.head(mlp.stem(x)))


def test_decoded_pelvis_is_the_origin():
    poses = PoseVAE(Architecture(width=16)).eval().decode(torch.randn(3, 32))
    assert poses.shape == (3, 17, 3) and (poses[:, 0] == 0).all()


def test_encoder_gives_only_the_heads_it_has():
    plain = KeypointEncoder(Architecture(width=16)).eval()(torch.randn(3, 13, 2))
    assert plain.vectors.shape == (3, 32) and plain.log_error is None and plain.rotation is None
    full = Architecture(width=16, use_scores=True, predicts_uncertainty=True, predicts_rotation=True)
    prediction = KeypointEncoder(full).eval()(torch.randn(3, 13, 3))
    assert prediction.log_error.shape == (3,)
    torch.testing.assert_close(torch.det(prediction.rotation), torch.ones(3))


def test_missing_joints_enter_as_zeros_with_score_zero():
    keypoints = torch.ones(1, 13, 2)
    keypoints[0, 4] = torch.nan
    inputs = encoder_input(keypoints, torch.full((1, 13), 0.7), use_scores=True)
    assert inputs[0, 4].tolist() == [0, 0, 0]
    torch.testing.assert_close(inputs[0, 5], torch.tensor([1, 1, 0.7]))
    assert encoder_input(keypoints, torch.ones(1, 13), use_scores=False).shape == (1, 13, 2)


def test_decoder_may_be_narrower_than_the_encoder():
    vae = PoseVAE(Architecture(width=32, decoder_width=8)).eval()
    assert vae.encoder.stem[0].out_features == 32 and vae.decoder.stem[0].out_features == 8
    assert vae.decode(vae.encode(torch.randn(2, 17, 3))[0]).shape == (2, 17, 3)
