"""`make gpu-check`: that the GPU is really used, gives what the CPU gives, and what it gains; a report to send back."""
