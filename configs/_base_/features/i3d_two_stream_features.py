# Features of the released THUMOS-14 and MultiTHUMOS models: 1024 of RGB, then 1024 of flow, every
# 4 frames at the video's own rate. The networks are in configs/recognizers, with channel order,
# resizing (short side 256), crop (center, 224) and the names of their public weights.
features = dict(networks=['i3d_rgb', 'i3d_flow'], clip_len=16, stride=4, fps=None, flow='tvl1')
