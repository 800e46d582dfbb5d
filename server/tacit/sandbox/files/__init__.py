"""The files folder of guests: what of it they see, and how the writes of a run land all together or not at all."""
