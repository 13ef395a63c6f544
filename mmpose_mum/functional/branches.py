"""The names of a training batch's branches, which the data fill and the models read."""

# Labeled images, and the unlabeled ones as the teacher and as the student see them.
BRANCHES = ('sup', 'unsup_teacher', 'unsup_student')
