# Your own data; docs/own_data.md says step by step how to get there.
_base_ = [
    '../_base_/models/temporal_maxer_plus.py',
    '../_base_/datasets/feature_dataloaders.py',
    '../_base_/schedules/adamw_35e.py',
    '../_base_/default_runtime.py',
]

# ---- fill in --------------------------------------------------------------------------------
data_root = 'data/custom'  # with annotations/{custom.json,classes.txt} and features/VIDEO.npy
num_classes = 5  # lines of annotations/classes.txt, one class a line, in the order of the labels
in_channels = 32  # C of the features, (T, C) in each file
feature_stride = 8  # frames of the video from one feature to the next
offset_frames = 8  # frame at the centre of the first feature: half of a clip's frames
fps = 32  # frames a second that stride and offset count; None: "frame" or "fps" of the json
# ---- may stay -------------------------------------------------------------------------------
feature_suffix = '.npy'  # or '.npz', '.pt', '.csv', '.h5'
max_seq_len = 2304  # longest piece of a video in training, grid steps

dataset = dict(
    type='TALDataset',
    data_root=data_root,
    ann_file='annotations/custom.json',
    class_file='annotations/classes.txt',
    data_prefix=dict(feats='features'),
    feature_suffix=feature_suffix,
    feature_stride=feature_stride,
    offset_frames=offset_frames,
    fps=fps,
)
train_dataloader = dict(
    dataset=dict(
        **dataset,
        pipeline=[
            dict(type='LoadFeatures'),
            dict(type='SegmentsToGrid'),
            dict(type='RandomTruncation', max_seq_len=max_seq_len, trunc_thresh=0.5),
            dict(type='PackTALInputs'),
        ],
    )
)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader

model = dict(
    # Pads to the longer of two; the levels' LayerNorm does not look at the padding.
    data_preprocessor=dict(pad_to=None),
    neck=dict(in_channels=in_channels),
    head=dict(num_classes=num_classes),
)
train_cfg = dict(val_begin=1, val_interval=5)
# The average over the last 100 steps, not 1000 as in the published recipe: small data, few steps.
default_hooks = dict(ema=dict(momentum=0.01))

work_dir = './work_dirs/{{ fileBasenameNoExtension }}'
