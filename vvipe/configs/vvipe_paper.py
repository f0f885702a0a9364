"""V-VIPE as published, its silent points resolved (weights, optimiser, embedding-space triplet).

poseflow train vvipe_paper --data cmu.npz --data cmu_more.npz
"""

from vvipe.recipe import Recipe

recipe = Recipe(name="vvipe-paper")
