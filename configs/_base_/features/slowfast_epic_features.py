# Features of the released EPIC-Kitchens-100 models: 2304 of SlowFast, every 16 frames at 30 a
# second. The network is in configs/recognizers (BGR frames, short side 256, center crop 256).
features = dict(networks=['slowfast_epic'], clip_len=32, stride=16, fps=30)
