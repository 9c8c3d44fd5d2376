# SlowFast 4x16 R50 with weights of PySlowFast (.pyth): 32 frames, of which the slow pathway sees 4.
_base_ = './slowfast_8x8_pyslowfast.py'

model = dict(backbone=dict(resample_rate=8, speed_ratio=8, slow_pathway=dict(fusion_kernel=5)))
