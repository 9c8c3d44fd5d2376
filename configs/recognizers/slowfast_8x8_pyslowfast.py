# SlowFast 8x8 R50 with weights of PySlowFast (.pyth): 32 frames, of which the slow pathway sees 8.
short_side, crop_size = 256, 256

pathway = dict(
    type='resnet3d',
    depth=50,
    pretrained=None,
    dilations=(1, 1, 1, 1),
    conv1_stride_t=1,
    pool1_stride_t=1,
)
model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='LinspaceSlowFast',
        resample_rate=4,
        speed_ratio=4,
        channel_ratio=8,
        slow_pathway=dict(
            lateral=True,
            lateral_norm=True,
            fusion_kernel=7,
            conv1_kernel=(1, 7, 7),
            inflate=(0, 0, 1, 1),
            **pathway,
        ),
        fast_pathway=dict(lateral=False, base_channels=8, conv1_kernel=(5, 7, 7), **pathway),
    ),
    # 0.45 and 0.225 of [0, 1], all channels
    data_preprocessor=dict(
        type='ActionDataPreprocessor', mean=[114.75] * 3, std=[57.375] * 3, format_shape='NCTHW'
    ),
)

test_pipeline = [
    dict(type='DecordInit'),
    dict(type='SampleFrames', clip_len=32, frame_interval=1, num_clips=1, test_mode=True),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(-1, short_side)),
    dict(type='CenterCrop', crop_size=crop_size),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
