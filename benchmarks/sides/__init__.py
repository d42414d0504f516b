"""One module a library; each has a `Trainer` of the same network by the same recipe.

The recipe: 1024-512-256-10, relu, He's initial weights, batches of 128 in a new random order each
epoch, the short last batch included, float32. A `Trainer(variant, seed)` has `epoch(lr)`, a pass
over the training images that returns the last loss, and `accuracy()`, on the test images.
"""

SIZES = (1024, 512, 256, 10)
BATCH = 128
MOMENTUM = 0.9
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
