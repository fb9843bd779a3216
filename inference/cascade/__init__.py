"""Further stages of a pipeline: crops of what was found, asked of models that are services of their own.

plan        what the stages mean, given the models' cards. Pure
cutting     a picture and an object to the crop that a model wants. Pure
question    a crop on the bus; answer: what comes back, and what is believed of it
cascade     one frame's: who is asked what, until all answers are in or the budget is over
matching    vectors to names
"""
