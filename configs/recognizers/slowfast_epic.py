# SlowFast 8x8 R50 of epic-kitchens/epic-kitchens-slowfast, trained on EPIC-Kitchens-100.
# Weights as they are published (.pyth, with a verb and a noun head, which features do not need).
# The network was trained on BGR frames: to_rgb reverses the RGB frames that the tools decode.
_base_ = './slowfast_8x8_pyslowfast.py'

model = dict(data_preprocessor=dict(to_rgb=True))

public_weights = dict(
    files=['the .pyth file of SlowFast'],
    page='https://github.com/epic-kitchens/epic-kitchens-slowfast',
)
