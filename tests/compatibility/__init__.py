"""What one version says, another understands: both may be on one bus while a site is upgraded, or goes back."""
