"""The shipped model: V-VIPE with detector-like inputs, a cross-view loss, uncertainty and rotation heads.

    poseflow train vvipe_cmu --data cmu.npz --data cmu_more.npz

51 minutes on 2 cores that did other things besides (12 for stage 1, 39 for stage 2). Hit@1 in % by
`poseflow bench retrieval`: HDM05 under eleven unseen cameras 65.4 on projected 2D and 53.8 with noise D0; CMU test
people 76.7 and 63.3.

Departs from the paper in: no dropout (random views, bodies and noise leave nothing to overfit; after 600 iterations the
autoencoder's error on people kept aside was 0.108 torso lengths without it, 0.111 with 0.1), every view by a random
camera, random bodies and noise, mirror images, two views of each pose with InfoNCE between them, two extra heads.
"""

from vvipe.cameras import CameraRange
from vvipe.datasets.bodies import BodyRange
from vvipe.datasets.pairs import PoseVariety, ViewRange
from vvipe.models.vvipe import Architecture
from vvipe.noise import NoiseRange
from vvipe.recipe import Recipe, Stage1, Stage2

recipe = Recipe(
    name="vvipe-cmu-v1",
    variety=PoseVariety(mirror=True),
    architecture=Architecture(dropout=0.0, use_scores=True, predicts_uncertainty=True, predicts_rotation=True),
    stage1=Stage1(iterations=2500),
    stage2=Stage2(
        iterations=6000,
        n_views=2,
        cross_view_weight=1.0,
        error_weight=0.05,
        rotation_weight=0.05,
    ),
    views=ViewRange(
        augmentation_fraction=1.0,
        cameras=CameraRange(elevation_deg=(-35.0, 45.0), roll_deg=(-20.0, 20.0), distance=(3.0, 15.0)),
        bodies=BodyRange(),
        noise=NoiseRange(),
    ),
)
