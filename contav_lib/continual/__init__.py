"""Parts that make learning continual: tasks, the clips remembered from earlier ones, and prototypes of their classes."""
