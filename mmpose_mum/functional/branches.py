"""The names in a training batch that the data fill and the models read."""

# Its branches: labeled images, and the unlabeled ones as the teacher and as the student see them.
BRANCHES = ('sup', 'unsup_teacher', 'unsup_student')
# In a sample's metainfo: the dataset's weight of each keypoint in the loss, as MMPose calls it.
KEYPOINT_WEIGHTS = 'dataset_keypoint_weights'
