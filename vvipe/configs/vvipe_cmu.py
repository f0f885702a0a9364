"""The shipped model: V-VIPE with detector-like inputs, a cross-view loss, uncertainty and rotation heads.

poseflow train vvipe_cmu --data cmu.npz --data cmu_more.npz
"""

from vvipe.cameras import CameraRange
from vvipe.datasets.bodies import BodyRange
from vvipe.datasets.pairs import ViewRange
from vvipe.models.vvipe import Architecture
from vvipe.noise import NoiseRange
from vvipe.recipe import Recipe, Stage1, Stage2

recipe = Recipe(
    name="vvipe-cmu-v1",
    mirror=True,
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
