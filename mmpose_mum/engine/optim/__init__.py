"""What optimizes the student: mixed precision on any device, the constructor, a step counter."""
