# TemporalMaxer (arXiv 2303.09055); what differs between data sets is set in the configs using it.
model = dict(
    type='TemporalMaxer',
    data_preprocessor=dict(type='TALDataPreprocessor', pad_to=2304),
    neck=dict(
        type='TemporalMaxerNeck',
        in_channels=2048,
        out_channels=512,
        num_embed=2,
        num_levels=6,
        norm_cfg=dict(type='LN', eps=1e-6)),
    head=dict(
        type='TemporalMaxerHead',
        num_classes=20,
        in_channels=512,
        feat_channels=512,
        num_convs=2,
        regression_ranges=[(0, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 10000)],
        prior_prob=0.01,
        assigner=dict(
            type='TemporalSimOTAAssigner',
            cls_weight=1.0,
            iou_weight=2.0,
            center_radius=1.5,
            keep_percent=1.0,
            confuse_weight=0.0),
        loss_cls=dict(type='SnippetFocalLoss', alpha=0.25, gamma=2.0),
        loss_reg=dict(type='SegmentDIoULoss'),
        loss_weight=1.0,
        loss_normalizer=100,
        loss_normalizer_momentum=0.9),
    test_cfg=dict(
        pre_nms_thresh=0.001,
        pre_nms_topk=2000,
        method='gaussian',
        sigma=0.5,
        min_score=0.001,
        max_seg_num=200))
