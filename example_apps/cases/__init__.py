"""Three ways in which programs run out of memory, each as an application with its mistake and as one without it."""
