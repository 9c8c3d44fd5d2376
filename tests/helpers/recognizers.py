# SPDX-License-Identifier: Apache-2.0
"""Small recognizers of every kind, with random weights."""

_MEAN_STD = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])


def _recognizer(backbone, is_3d):
    return dict(
        type='Recognizer3D' if is_3d else 'Recognizer2D',
        backbone=backbone,
        cls_head=dict(type='TSNHead', num_classes=5, in_channels=9),
        data_preprocessor=dict(
            type='ActionDataPreprocessor', **_MEAN_STD, format_shape='NCTHW' if is_3d else 'NCHW'
        ),
    )


_RESNET_2D = dict(depth=18, num_stages=1, strides=(1,), dilations=(1,), out_indices=(0,))
_RESNET_3D = dict(
    depth=18,
    pretrained=None,
    pretrained2d=False,
    num_stages=1,
    base_channels=4,
    spatial_strides=(2,),
    temporal_strides=(1,),
    dilations=(1,),
    out_indices=(0,),
)
_PATHWAY = dict(
    type='resnet3d',
    depth=18,
    pretrained=None,
    dilations=(1, 1, 1, 1),
    conv1_kernel=(1, 7, 7),
    conv1_stride_t=1,
    pool1_stride_t=1,
)

#: Name -> (recognizer config, channels of its features).
RECOGNIZERS = {
    'TSN': (_recognizer(dict(type='ResNet', **_RESNET_2D), False), 64),
    'TSM': (_recognizer(dict(type='ResNetTSM', depth=18, num_segments=8), False), 512),
    'I3D': (
        _recognizer(
            dict(type='ResNet3d', conv1_kernel=(5, 7, 7), inflate=(1,), **_RESNET_3D), True
        ),
        4,
    ),
    'SlowOnly': (_recognizer(dict(type='ResNet3dSlowOnly', inflate=(0,), **_RESNET_3D), True), 4),
    'R(2+1)D': (
        _recognizer(
            dict(
                type='ResNet2Plus1d',
                depth=18,
                pretrained=None,
                pretrained2d=False,
                base_channels=4,
                conv1_kernel=(3, 7, 7),
                conv_cfg=dict(type='Conv2plus1d'),
                inflate=(1, 1, 1, 1),
            ),
            True,
        ),
        32,
    ),
    'SlowFast': (
        _recognizer(
            dict(
                type='ResNet3dSlowFast',
                pretrained=None,
                resample_rate=8,
                speed_ratio=8,
                channel_ratio=8,
                slow_pathway=dict(
                    lateral=True,
                    inflate=(0, 0, 1, 1),
                    base_channels=16,
                    fusion_kernel=7,
                    **_PATHWAY,
                ),
                fast_pathway=dict(lateral=False, base_channels=2, **_PATHWAY),
            ),
            True,
        ),
        128 + 16,
    ),
    'VideoMAE': (
        _recognizer(
            dict(
                type='VisionTransformer',
                img_size=32,
                patch_size=16,
                embed_dims=24,
                depth=2,
                num_heads=2,
                num_frames=8,
            ),
            True,
        ),
        24,
    ),
    'Swin': (
        _recognizer(
            dict(
                type='SwinTransformer3D',
                arch=dict(embed_dims=12, depths=[2, 2], num_heads=[2, 2]),
                pretrained=None,
                pretrained2d=False,
                patch_size=(2, 4, 4),
                window_size=(8, 7, 7),
                out_indices=(1,),
            ),
            True,
        ),
        24,
    ),
    'MViT': (
        _recognizer(
            dict(
                type='MViT',
                arch=dict(embed_dims=12, num_layers=2, num_heads=1, downscale_indices=[1]),
                out_scales=[1],
            ),
            True,
        ),
        None,
    ),
    'TimeSformer': (
        _recognizer(
            dict(
                type='TimeSformer',
                pretrained=None,
                num_frames=8,
                img_size=32,
                patch_size=16,
                embed_dims=24,
                num_heads=2,
                num_transformer_layers=1,
            ),
            True,
        ),
        24,
    ),
}
