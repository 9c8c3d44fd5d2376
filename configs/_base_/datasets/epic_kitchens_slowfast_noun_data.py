# EPIC-Kitchens-100 nouns: the features and geometry of the verbs, other labels.
_base_ = './epic_kitchens_slowfast_verb_data.py'

ann_file = 'annotations/epic_noun.json'
class_file = 'annotations/noun_classes.txt'

train_dataloader = dict(dataset=dict(target='noun', ann_file=ann_file, class_file=class_file))
val_dataloader = dict(dataset=dict(target='noun', ann_file=ann_file, class_file=class_file))
test_dataloader = val_dataloader
