"""The course labs: what grades them, how copies for students are made, and how what comes back is looked over."""
